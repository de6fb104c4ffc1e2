"""Print recall and precision over the corpus: python -m tests.corpus [--seed N] [--per-type N] [--show N]."""

import argparse
import random

from tallystick.masking import Masker, Mode, default_policy, kinds
from tests.corpus.locales import LOCALES, TEN
from tests.corpus.score import STRUCTURED, Score, Tally, cases, harmless_documents, score

MASKER = Masker(default_policy().with_mode(kinds.IP, Mode.REDACT))


def main() -> None:
    """Mask the corpus, print the tables and, if asked, what went wrong."""
    options = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--per-type", type=int, default=60, help="values of each type and locale")
    options.add_argument("--show", type=int, default=0, help="how many failures to show")
    options.add_argument("--locales", default="all", help="all, ten, or codes with commas")
    chosen = options.parse_args()
    named = {"all": tuple(LOCALES), "ten": TEN}
    locales = named.get(chosen.locales) or tuple(chosen.locales.split(","))
    harmless = harmless_documents(chosen.seed, 50 * chosen.per_type)
    found = score(MASKER, cases(chosen.seed, chosen.per_type, locales), harmless)
    print("\n".join(lines(found)))
    for case, output in random.Random(0).sample(found.leaks, min(chosen.show, len(found.leaks))):
        print(f"\nLEAK {case.locale} {case.type} in {case.carrier}: {case.value.text!r}")
        print(f"  {case.document!r}\n  {output!r}")
    for where, before, after in random.Random(0).sample(
        found.false, min(chosen.show, len(found.false))
    ):
        print(f"\nFALSE {where}\n  {before!r}\n  {after!r}")


def lines(found: Score) -> list[str]:
    """Give the tables."""
    out = [f"{'type':<22}{'values':>8}{'recall':>9}{'precision':>11}"]
    out += [_line(name, found.by_type[name]) for name in sorted(found.by_type)]
    out += ["", *(_line(name, found.by_locale[name]) for name in sorted(found.by_locale)), ""]
    out.append(_line("structured types", found.over(STRUCTURED)))
    out.append(f"leaks by carrier: {dict(found.by_carrier.most_common(12))}")
    out.append(f"{found.harmless} harmless documents: {found.false_in_harmless} false hits")
    return out


def _line(name: str, tally: Tally) -> str:
    return f"{name:<22}{tally.values:>8}{tally.recall:>9.4f}{tally.precision:>11.4f}"


if __name__ == "__main__":
    main()
