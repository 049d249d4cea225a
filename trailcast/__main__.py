"""`python -m trailcast …`: hands over to the command line. Workers import this module too, hence the guard."""

from trailcast.cli import main

if __name__ == "__main__":
    main(prog_name="python -m trailcast")
