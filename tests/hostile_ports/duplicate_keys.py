"""One key twice in one object."""
from honest import say, serve

serve(lambda message: say(f'{{"seq": {message["seq"]}, "results": {{}}, "results": {{}}}}\n'))
