"""What the verbs do: open the home, call a room, print. No rule stands here."""
