"""Answers with bytes that are no text."""
from honest import say, serve

serve(lambda message: say(b'{"seq": 0, "note": "\xff\xfe"}\n'))
