"""The calculator: ``python -m loanfund.calculation < questions.json > answers.json``.

Reads a JSON array of questions from standard input and writes an array of answers, in order. It needs no database, no
settings and no network. See docs/calculator.md.
"""

import json
import sys
from typing import TextIO

from loanfund.calculation.questions import answers


def main(asked: TextIO, told: TextIO, complaints: TextIO) -> int:
    """0 when every question has its answer, or its error, in its place; 2 when the input is no array of questions."""
    try:
        questions = json.load(asked)
    except ValueError as error:
        print(f"The questions are not JSON: {error}", file=complaints)
        return 2
    if not isinstance(questions, list):
        print("The questions are a JSON array: [{...}, {...}].", file=complaints)
        return 2
    json.dump(answers(questions), told, indent=1, ensure_ascii=False)
    told.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout, sys.stderr))
