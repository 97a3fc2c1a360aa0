"""`python -m softswitch`: the command line where its script is not on the path."""

from softswitch.cli.main import main

main()
