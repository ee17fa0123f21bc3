"""Text messages, made up by a generator with a seed: one in seven is spam, and some come several times, as chain letters do."""

import random
from pathlib import Path

import pandas as pd

WHO = ("mum", "Anna", "the boss", "Jürgen", "grandpa", "my brother", "the landlord", "Mei 美")
WHAT = ("the file", "the keys", "dinner", "the tickets", "homework", "a step by step guide", "the 'blue' folder", "milk, eggs, bread")
WHEN = ("tonight", "at 7:30", "tomorrow", "after work", "on Sunday", "in 10 min", "asap!!", "before the match")
HAM = (
    "Can you bring {what} to {who} {when}?",
    "{who} said ok, see you {when} :-)",
    "did u send {what} to {who}... need it {when}",
    'He told me "{what}, {when}" and then hung up (again)',
    "Sorry {who}, I'll be late {when} 😅",
    '{{"type": "message", "to": ["{who}"], "text": "{what} {when}"}}',
    "\N{WASTEBASKET} deleted {what} by mistake [see {when}] ask {who}, please",
    "ok lol, {when} then; tell {who}",
    "Happy birthday {who}! 🎉🎂 {what} is ready {when}",
)
SPAM = (
    "WINNER!! You have won {prize}. Call {number} now, claim code {code}",
    "URGENT! Your {account} is locked [ref: {code}]. Verify at http://{site}/login {when}",
    "Free entry to win {prize}! Text WIN to {number}. T&C's apply, 18+",
    "Congratulations 🎁 {prize} is waiting for you, reply YES or call {number}",
    "Your parcel ({code}) is held: pay {fee} at www.{site} {when}",
    "Cheap loans, no checks: {fee} a week. Download the file from {site}",
)
FEES = ("£1.99", "$2,000", "€3,50", "£250")
PLACES = {
    "who": WHO,
    "what": WHAT,
    "when": WHEN,
    "prize": ("a £1000 prize", "an iPhone", "2 tickets", "a holiday, all paid", "cash"),
    "account": ("account", "card", "mailbox", "bank {file}"),
    "site": ("prize-claim.example", "secure-login.example", "parcel.example"),
    "fee": FEES,
}


def message(chance: random.Random) -> tuple[str, str]:
    """Return a message, and what it is."""
    label = "spam" if chance.random() < 0.15 else "ham"
    filled = {name: chance.choice(words) for name, words in PLACES.items()}
    filled |= {"number": f"0800{chance.randrange(10**6):06}", "code": f"{chance.choice('ABC')}{chance.randrange(1000)}"}
    text = chance.choice(SPAM if label == "spam" or chance.random() < 0.01 else HAM).format(**filled)
    return (text.upper() if chance.random() < 0.05 else text), label


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset."""
    chance = random.Random(0)  # noqa: S311
    found = pd.DataFrame([message(chance) for _ in range(1500)], columns=["message", "label"])
    return found[:1100], found[1100:]
