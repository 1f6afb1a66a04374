"""The generated month: the same bytes from the same seed, and every total re-added here."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from holidays.financial.federal_reserve import FederalReserve

from recond.city import Truth, generate
from recond.city.dice import Dice
from recond.city.text import bank_holidays, business_days, luhn, scan_line
from recond.cli import main

START = date(2026, 11, 2)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return generate(7, 400, START, 8, 100, tmp_path_factory.mktemp("month"))


def cents(text: str) -> int:
    return int(text.replace(".", ""))


def digest(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def files(month: Truth, pattern: str) -> list[Path]:
    return sorted(month.root.glob(f"20*/{pattern}"))


def wrong(month: Truth, case: str) -> tuple[str, str, int]:
    """File, batch and cents of a planted total."""
    (one,) = [planted for planted in month.planted if planted.case == case]
    return one.file, one.batch, one.cents


def test_the_same_seed_gives_the_same_bytes(month: Truth, tmp_path: Path) -> None:
    again = generate(7, 400, START, 8, 100, tmp_path / "again")
    assert digest(again.root) == digest(month.root)
    other = generate(8, 400, START, 6, 80, tmp_path / "other")
    assert digest(other.root) != digest(month.root)


def test_the_verb_writes_the_same_month(
    month: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "city"
    options = ["--seed", "7", "--accounts", "400", "--days", "8", "--payments-per-day", "100"]
    command = ["generate", *options, "--month", "2026-11", "--dir", str(folder)]
    assert ended(command) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    again = generate(7, 400, date(2026, 11, 1), 8, 100, tmp_path / "again")
    assert digest(folder) == digest(again.root)
    assert ended(command) == 3  # never over something
    assert ended([*command[:-1], str(tmp_path / "x"), "--month", "11/2026"]) == 2


def ended(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    return leaving.value.code or 0


def test_dice_never_change() -> None:
    dice = Dice(1234567)  # the vector that SplitMix64 is published with
    assert [dice.below(1 << 64) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert Dice(3).shuffled(range(8)) == Dice(3).shuffled(list(range(8)))
    assert sorted(Dice(3).shuffled(range(50))) == list(range(50))


@pytest.mark.parametrize("wanted", [(99, 5, 60), (400, 0, 60), (400, 5, 19)])
def test_a_city_too_small_for_its_cases_is_refused(
    wanted: tuple[int, int, int], tmp_path: Path
) -> None:
    accounts, days, payments = wanted
    with pytest.raises(ValueError, match="100 accounts"):
        generate(1, accounts, START, days, payments, tmp_path)


def test_one_day_is_enough_for_a_month(tmp_path: Path) -> None:
    truth = generate(2, 100, START, 1, 20, tmp_path)
    assert [day.as_of for day in truth.days] == [date(2026, 11, 1), START]
    assert not files(truth, "bank/*")


@pytest.mark.parametrize(
    ("seed", "accounts", "start", "days"),
    [
        (8, 100, date(2026, 2, 2), 19),
        (23, 130, date(2026, 2, 2), 19),
        (3, 100, date(2024, 2, 1), 20),
    ],
)
def test_in_a_small_city_cases_that_nobody_fits_are_left_out(
    seed: int, accounts: int, start: date, days: int, tmp_path: Path
) -> None:
    truth = generate(seed, accounts, start, days, 20, tmp_path)
    assert len(truth.days) == days + 1


def test_deposit_days_are_business_days() -> None:
    days = business_days(date(2026, 11, 7), 6)
    assert days[0] == date(2026, 11, 9)
    assert [day.day for day in days] == [9, 10, 12, 13, 16, 17]  # the 11th is Veterans Day


@pytest.mark.parametrize("year", [2021, 2022, 2023, 2026, 2027])
def test_bank_holidays_are_the_federal_reserves(year: int) -> None:
    assert bank_holidays(year) == set(FederalReserve(years=year))


def test_luhn_vectors() -> None:
    assert luhn("00345678901110296000000000010000000001000") == "8"  # formats.md section 3
    assert luhn("1000456012") == "3"  # domain example E17
    line = scan_line("0012345674", date(2026, 11, 20), 18870)
    assert (len(line), line[:26]) == (27, "00123456741120260000018870"[:26])
    assert luhn(line[:26]) == line[26]


def test_account_numbers_have_check_digits_and_leading_zeros(month: Truth) -> None:
    accounts = table(files(month, "receivables/accounts_*.csv")[0])
    numbers = [row["account_number"] for row in accounts]
    assert len(set(numbers)) == len(numbers)
    assert all(len(number) == 10 and luhn(number[:9]) == number[9] for number in numbers)
    assert 20 < sum(number.startswith("0") for number in numbers) < 90
    status = Counter(row["status"] for row in accounts)
    assert status["closed"] == 12
    assert status["bankruptcy"] + status["collections"] == 4
    bare = [number.lstrip("0") for number in numbers]
    assert len(set(bare)) == len(bare)


def test_lockbox_files_agree_with_their_controls(month: Truth) -> None:
    off_file, off_batch, off_cents = wrong(month, "lockbox_batch_total_wrong")
    cut, _, _ = wrong(month, "lockbox_truncated")
    for path in files(month, "lockbox/*.bai"):
        lines = path.read_text("ascii").splitlines()
        if path.name == cut:
            assert lines[-1][0] in "64"
            continue
        found: dict[str, list[int]] = defaultdict(list)
        for line in lines:
            if line[0] == "6":
                found[line[1:4]].append(int(line[7:17]))
        totals = {line[1:4]: line for line in lines if line[0] == "7"}
        assert set(totals) == set(found)
        same = path.read_bytes() == (files(month, f"lockbox/{off_file}")[0]).read_bytes()
        for batch, line in totals.items():
            off = off_cents if batch == off_batch and same else 0
            if not path.name.endswith("_05.bai"):  # resent as it was, wrong total and all
                assert int(line[23:33]) - sum(found[batch]) == off, path
            assert int(line[20:23]) == len(found[batch])
        (service,) = [line for line in lines if line[0] == "8"]
        assert int(service[24:34]) == sum(int(line[23:33]) for line in totals.values())
        assert int(service[20:24]) == sum(map(len, found.values()))
        assert int(lines[-1][1:7]) == len(lines)


def test_good_scan_lines_pass_luhn_and_misread_ones_fail(month: Truth) -> None:
    misread = {(row.file, row.line) for row in month.receipts if row.noise == "scan line misread"}
    assert misread
    for path in files(month, "lockbox/*.bai"):
        at = 0
        for number, line in enumerate(path.read_text("ascii").splitlines(), 1):
            at = number if line[0] == "6" else at
            text = line[11:41].strip()
            if line[0] == "4" and len(text) == 27 and path.name.split("_")[2][:2] in {"01", "02"}:
                assert (luhn(text[:26]) == text[26]) is ((path.name, at) not in misread), line


def test_ach_files_agree_with_their_controls(month: Truth) -> None:
    batch_file, batch_number, batch_off = wrong(month, "ach_batch_total_wrong")
    total_file, _, total_off = wrong(month, "ach_file_total_wrong")
    for path in files(month, "ach/*.ach"):
        lines = path.read_text("ascii").splitlines()
        assert {len(line) for line in lines} == {94}
        assert len(lines) % 10 == 0
        body = [line for line in lines if line != "9" * 94]
        control = body[-1]
        assert int(control[7:13]) == len(lines) // 10
        hashed = credit = debit = count = 0
        entries: list[str] = []
        for line in body:
            if line[0] == "5":
                entries = []
            elif line[0] in "67":
                entries.append(line)
            elif line[0] == "8":
                six = [one for one in entries if one[0] == "6"]
                batch_hash = sum(int(one[3:11]) for one in six) % 10**10
                assert int(line[10:20]) == batch_hash
                assert int(line[4:10]) == len(entries)
                off = batch_off if (path.name, line[87:]) == (batch_file, batch_number) else 0
                taken = sum(int(one[29:39]) for one in six if one[1:3] in {"26", "27"})
                assert int(line[20:32]) == taken
                assert line[1:4] == ("225" if path.name.startswith(("DEB", "RET")) else "220")
                if not path.name.endswith(("RESENT.ach", "_05.ach")):
                    found = sum(int(one[29:39]) for one in six) - taken
                    assert int(line[32:44]) - found == off
                hashed, count = hashed + batch_hash, count + len(entries)
                credit += int(line[32:44])
                debit += taken
        assert int(control[21:31]) == hashed % 10**10
        assert int(control[13:21]) == count
        assert int(control[31:43]) == debit
        assert int(control[43:55]) - credit == (total_off if path.name == total_file else 0)


def test_remittance_advice_counts_its_segments(month: Truth) -> None:
    seen = 0
    for path in files(month, "ach/*_01.ach"):
        text, entry = "", ""
        for line in [*path.read_text("ascii").splitlines(), "6"]:
            if line[0] == "7":
                text += line[3:83]
            elif line[0] == "6":
                parts = [part for part in text.rstrip().split("\\") if part]
                if parts and parts[0].startswith("ST"):
                    seen += 1
                    assert parts[-1].split("*")[1] == str(len(parts))
                    assert cents(parts[1].split("*")[2]) == int(entry[29:39])
                text, entry = "", line
    assert seen


def test_statements_chain_and_agree_with_their_controls(month: Truth) -> None:
    last = None
    deposits = Counter[str]()
    for deposit in month.deposits:
        deposits[deposit.statement] += deposit.cents
    strays = Counter[str]()
    alone = {"stray_credit", "credit_repeated", "sweep", "fee", "wrong_box", "tie"}
    for planted in month.planted:
        if planted.case in alone:
            strays[planted.file] += planted.cents
    statements = files(month, "bank/*.bai")
    assert len(statements) == 7
    for path in statements:
        lines = path.read_text("ascii").splitlines()
        account = lines[2].split(",")
        opening, closing = int(account[4]), int(account[8])
        assert last in (None, opening)
        last = closing
        records = [line.split(",") for line in lines if line.startswith("16,")]
        moved = [int(r[2]) * (1 if r[1] < "400" else -1) for r in records]
        assert opening + sum(moved) == closing
        # two debits that nobody explains, asked about on a later day if the month has it
        unknown = sum(c for r, c in zip(records, moved, strict=True) if _unexplained(r))
        wires = sum(row.cents for row in month.receipts if row.file == path.name)
        assert sum(moved) == deposits[path.name] + strays[path.name] + unknown + wires
        assert int(lines[-3].split(",")[1]) == opening + closing + 2 * sum(map(abs, moved))
        records = [int(line.rstrip("/").split(",")[-1]) for line in lines[-3:]]
        assert records == [len(lines) - 4, len(lines) - 2, len(lines)]


def _unexplained(record: list[str]) -> bool:
    return "999999" in record[6] or record[1:3] == ["557", "4321"]


def test_drawers_hold_what_their_receipts_say(month: Truth) -> None:
    signs = {"drawer_short": (-1, 0), "drawer_over": (1, 0), "composition_swap": (-1, 1)}
    faults = {
        p.file: (signs[p.case][0] * p.cents, signs[p.case][1] * p.cents)
        for p in month.planted
        if p.case in signs
    }
    planted, found, unapproved = len(faults), list[str](), 0
    for day in month.days[1:]:
        rows = [row for p in sorted(day.folder.glob("cashier/cashier_*")) for row in table(p)]
        numbers = [row["receipt_number"] for row in rows]
        closes = next(day.folder.glob("cashier/close_*_01*"))
        wrong = faults.pop(closes.name, (0, 0))
        late = list(day.folder.parent.glob(f"*/cashier/{closes.name.replace('_01', '_02')}"))
        for close in [row for path in (closes, *late) for row in table(path)]:
            mine = [row for row in rows if row["drawer"] == close["drawer"]]
            mine = [row for row in mine if not row["void_of"] or row["approved_by"]]
            cash = sum(cents(row["amount"]) for row in mine if row["tender"] == "CASH")
            paper = sum(cents(row["amount"]) for row in mine if row["tender"] != "CASH")
            off = (
                cents(close["counted_cash"]) - cents(close["opening_float"]) - cash,
                cents(close["counted_checks"]) - paper,
            )
            assert off in {(0, 0), wrong}
            found += [closes.name] * (off != (0, 0))
            counted = [part.split("=") for part in close["counts"].split(";")]
            counted_cents = sum(cents(value) * int(count) for value, count in counted)
            assert counted_cents == cents(close["counted_cash"])
        for row in rows:
            assert not row["void_of"] or row["void_of"] in numbers
            unapproved += bool(row["void_of"] and not row["approved_by"])
    assert len(found) == planted == 3
    assert unapproved == 1


def test_card_rows_are_gross_less_fee(month: Truth) -> None:
    kinds = Counter[str]()
    for path in files(month, "card/*.csv"):
        for row in table(path):
            kinds[row["type"]] += 1
            fee = cents(row["gross_amount"]) - cents(row["net_amount"])
            assert fee == cents(row["fee_amount"])
    assert kinds["SALE"] > 50
    assert kinds["FEE"] == 1
    assert kinds["REFUND"] >= 1


def _money(path: Path) -> dict[int, int]:
    """Cents of the money records of a file, by line."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.suffix == ".bai" and line[0] == "6":
            found[number] = int(line[7:17])
        elif path.suffix == ".ach" and line[0] == "6":
            found[number] = int(line[29:39])
    if path.name.startswith(("cashier", "card")):
        for number, row in enumerate(table(path), 2):
            if path.name.startswith("card") and row["type"] == "SALE":
                found[number] = cents(row["gross_amount"])
            elif path.name.startswith("cashier") and not row["void_of"]:
                found[number] = cents(row["amount"])
    return found


def test_truth_names_every_money_record_with_its_line_and_cents(month: Truth) -> None:
    told: dict[str, dict[int, int]] = defaultdict(dict)
    for row in month.receipts:
        assert row.line not in told[row.file]
        told[row.file][row.line] = row.cents
    silent = {p.file for p in month.planted if p.state == "duplicate"}
    silent.add(wrong(month, "lockbox_truncated")[0])
    silent |= {path.name for path in files(month, "ach/RET_*")}
    for pattern in ("lockbox/*", "ach/*", "card/*", "cashier/cashier*"):
        for path in files(month, pattern):
            if path.name not in silent:
                assert told.pop(path.name, {}) == _money(path), path.name
    for path in files(month, "bank/*"):
        lines = enumerate(path.read_text().splitlines(), 1)
        wires = {n: int(line.split(",")[2]) for n, line in lines if line.startswith("16,195,")}
        assert told.pop(path.name, {}) == wires, path.name
    assert any(row.channel == "BANK" for row in month.receipts)
    assert not told


def test_truth_on_disk_is_the_truth_in_memory(month: Truth) -> None:
    on_disk = table(month.root / "truth" / "receipts.csv")
    assert sum(int(row["cents"]) for row in on_disk) == sum(r.cents for r in month.receipts)
    assert len(on_disk) == len(month.receipts)
    planted = table(month.root / "truth" / "planted.csv")
    assert [row["case"] for row in planted] == [p.case for p in month.planted]
    assert not any("truth" in str(day.folder) for day in month.days)


def test_what_comes_back_was_paid_and_names_its_payment(month: Truth) -> None:
    paid = {row.payment: row for row in month.receipts if not row.held}
    gone = Counter[str]()
    for one in month.comebacks:
        row = paid[one.payment]
        assert (row.cents, row.kind, row.channel) == (one.cents, "AUTO_OK", one.channel)
        gone[one.payment] += 1 if one.what == "TAKEN" else -1
        assert gone[one.payment] in {0, 1}  # never brought before it was taken
        (path,) = files(month, f"*/{one.file}")
        line = path.read_text().splitlines()[one.line - 1]
        number = one.payment.lstrip("P")
        if one.channel == "ACH_DEBIT":
            (sent,) = files(month, f"ach/{row.file}")
            trace = sent.read_text().splitlines()[row.line - 1][79:94]
            assert (line[1:3], int(line[29:39])) == ("26", one.cents)
            back = path.read_text().splitlines()[one.line]
            assert (back[:3], back[3:6], back[6:21]) == ("799", one.reason, trace)
        elif one.channel == "LOCKBOX":
            assert line.startswith("16,555" if one.what == "TAKEN" else "16,301")
            assert line.endswith(f"CHECK {number[1:]}")
        else:
            row_ = table(path)[one.line - 2]
            assert row_["type"] == one.reason
            assert abs(cents(row_["gross_amount"])) == one.cents
            assert row_["transaction_id"].endswith(number)
    kinds = {(one.channel, one.what) for one in month.comebacks}
    assert kinds >= {("ACH_DEBIT", "TAKEN"), ("LOCKBOX", "TAKEN"), ("CARD", "TAKEN")}


def test_a_cashier_moves_the_money_of_one_payer_to_the_account_of_the_one_before(
    month: Truth,
) -> None:
    links = [row for row in month.receipts if row.noise == "money of another payer"]
    assert len(links) == 4  # one every second day
    accounts = {
        row["account_number"]: row["customer_name"]
        for row in table(files(month, "receivables/receivables_*.csv")[0])
    }
    before = ""
    for link in links:
        (path,) = files(month, f"cashier/{link.file}")
        row = table(path)[link.line - 2]
        assert (row["cashier"], row["tender"]) == ("bright", "CHECK")
        assert row["payer_name"] != accounts[row["account_number"]]
        assert before in {"", accounts[row["account_number"]]}
        before = row["payer_name"]
        assert list(accounts.values()).count(before) > 0


def test_targets_of_a_payment_sum_to_it(month: Truth) -> None:
    paid, aimed = Counter[str](), {}
    for row in month.receipts:
        if row.kind == "AUTO_OK" and not row.held:
            paid[row.payment] += row.cents
            aimed[row.payment] = row.targets
    for payment, targets in aimed.items():
        assert sum(int(part.split("|")[3]) for part in targets.split(";")) == paid[payment]


def test_every_planted_case_is_there(month: Truth) -> None:
    cases = {planted.case for planted in month.planted}
    assert cases >= {
        "closed_account", "bankruptcy", "shared_old_number", "unknown_account_lockbox",
        "unknown_account_ach_credit", "unknown_account_card", "unknown_account_cashier",
        "check_digit", "check_digit_lost", "white_mail", "name_only", "contradiction_counter",
        "contradiction_ach", "stubs_not_summing", "advice_not_summing", "double_payment",
        "lockbox_batch_total_wrong", "ach_batch_total_wrong", "ach_file_total_wrong",
        "lockbox_truncated", "lockbox_same_bytes", "ach_same_bytes", "lockbox_changed_header",
        "ach_same_header", "lockbox_repeated_batch", "cash_only", "digits_swapped", "drawer_short",
        "drawer_over", "composition_swap", "receipt_gap", "void_not_approved", "late_deposit",
        "stray_credit", "credit_repeated", "sweep", "held_money_at_bank", "card_refund",
        "arrangement_at_risk", "keyed_tenfold", "large_amount", "late_close", "wrong_box",
        "wrong_box_late", "missing_file", "late_file_credit", "net_fee_mismatch", "return_unknown",
        "return_again", "notice_of_change", "lapping",
    }  # fmt: skip


def test_equal_totals_abound(month: Truth) -> None:
    totals = Counter[str]()
    for row in table(files(month, "receivables/receivables_*.csv")[0]):
        totals[row["account_number"]] += cents(row["open_amount"])
    shared = Counter(totals.values())
    alone = sum(1 for count in shared.values() if count == 1)
    assert alone < len(totals) // 10


def test_later_snapshots_keep_what_billing_knows_and_grow_plausibly(month: Truth) -> None:
    opened = []
    items: set[tuple[str, str, str]] = set()
    for path in files(month, "receivables/receivables_*.csv"):
        rows = table(path)
        now = {(r["account_number"], r["item_number"], r["open_amount"]) for r in rows}
        assert items <= now
        items = now
        opened.append(sum(cents(r["open_amount"]) for r in rows))
    assert len(opened) == 3
    assert all(a < b < a * 13 // 10 for a, b in pairwise(opened))


def test_rates_are_roughly_as_asked(tmp_path: Path) -> None:
    truth = generate(11, 4000, START, 10, 250, tmp_path)
    mine = [row for row in truth.receipts if not row.held]
    channels = Counter(row.channel for row in mine)
    total = len(mine)
    wanted = {"LOCKBOX": 33, "ACH_DEBIT": 25, "ACH_CREDIT": 19, "CARD": 15, "CASHIER": 9}
    shares = {channel: 100 * count // total for channel, count in channels.items()}
    assert all(abs(shares[channel] - share) <= 4 for channel, share in wanted.items()), shares
    noise = Counter(row.noise for row in mine)
    checks = channels["LOCKBOX"]
    assert 5 <= 1000 * noise["white mail"] // checks <= 30
    assert 8 <= 1000 * noise["several stubs"] // checks <= 35
    assert 10 <= 1000 * (noise["dashes"] + noise["blanks"]) // total <= 60
    doubtful = [row for row in mine if row.kind == "MUST_EXCEPT"]
    assert 5 <= 1000 * len(doubtful) // total <= 40
