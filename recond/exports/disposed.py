"""Which certificate says that the bytes of a file are gone."""

from __future__ import annotations

from sqlalchemy import Connection, select

from recond.store import schema


def certificate_of(connection: Connection, file_no: int) -> str | None:
    """The sentence that stands where the bytes of a disposed file stood; None while it is kept.
    Equal bytes that came again may still be there."""
    disposal, outbox = schema.disposal.c, schema.outbox.c
    row = connection.execute(
        select(outbox.file_id, outbox.business_date, outbox.layout, disposal.series)
        .join(schema.disposal, disposal.outbox_no == outbox.outbox_no)
        .where(disposal.file_no == file_no)
    ).first()
    if row is None:
        return None
    return (
        f"disposed of on {row.business_date} by certificate {row.file_id}"
        f" (exports/disposals/{row.file_id}.csv), series {row.series}: {row.layout}"
    )
