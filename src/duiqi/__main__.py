"""`python -m duiqi`."""

from duiqi.cli import main

if __name__ == "__main__":
    main()
