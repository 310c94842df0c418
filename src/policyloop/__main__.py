"""`python -m policyloop` is the command `policyloop`."""

from policyloop.cli.app import main

if __name__ == "__main__":
    main()
