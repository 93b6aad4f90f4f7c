"""The same hundred people of ten organisations for every Python contestant."""

PEOPLE = [(number, f"User {number}", f"user{number}@example.com", number % 10) for number in range(100)]
ORGS = {number: f"Organisation {number}" for number in range(10)}
