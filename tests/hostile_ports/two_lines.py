"""Answers twice at once."""
from honest import line_of, say, serve

serve(lambda message: say(line_of(message) * 2))
