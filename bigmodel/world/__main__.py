"""`python -m bigmodel.world` prints a story in each script, and how rich the world is."""

from dataclasses import asdict

from bigmodel.world import SCRIPTS, richness, stories


def main() -> None:
    """Print one story in each script, then the measures of `richness` for each."""
    for script in SCRIPTS:
        print(f"{script}\n{stories(1, seed=0, script=script)[0]}\n")
    for script in SCRIPTS:
        found = richness(script=script)
        measures = {**asdict(found), "far_share": found.far_share}
        print(script, *(f"  {name:16s} {value:8.3f}" for name, value in measures.items()), sep="\n")


if __name__ == "__main__":
    main()
