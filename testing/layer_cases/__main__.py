"""Run inside a toolchain: `python testing/layer_cases FLAVOUR FOLDER`, with cases on its input.

Those are JSON, {family: names}. Builds them, gives them seeded weights, saves them as
FOLDER/<family>/<n>.h5 and their questions and answers as <n>.npz beside it. told.json there says,
by the case's name, either the number n or why this Keras has no such model.
"""

import importlib
import json
import os
import sys
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [os.path.join(HERE, "..", "..", "fixtures", "builders"), HERE] + sys.path[1:]

from answering import save
from environment import Environment
from kit import Kit


def main(flavour, folder):
    environment = Environment(flavour)
    for family, names in json.load(sys.stdin).items():
        cases = importlib.import_module(family).CASES
        chosen = [(number, case) for number, case in enumerate(cases) if case.name in names]
        write_family(environment, flavour, chosen, os.path.join(folder, family))


def write_family(environment, flavour, cases, folder):
    os.makedirs(folder)
    told = {}
    for number, case in cases:
        if case.only and flavour not in case.only:
            told[case.name] = "not for " + flavour
            continue
        environment.clear(1)
        try:
            model = Kit(environment, flavour).model(case)
            path = os.path.join(folder, str(number))
            save(environment.keras, model, case.inputs, path, sum(map(ord, case.name)))
            told[case.name] = number
        except Exception as error:
            traceback.print_exc()
            told[case.name] = "%s: %s" % (type(error).__name__, str(error).split("\n")[0][:200])
    with open(os.path.join(folder, "told.json"), "w") as stream:
        json.dump(told, stream)


main(*sys.argv[1:])
