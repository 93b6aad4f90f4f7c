"""The cost of an optional feature: a ratio inside each round, for features that the app really has."""

from __future__ import annotations

from harness.features import FEATURES, Costs, markdown


def test_each_feature_has_one_name_and_a_base_that_is_measured() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(names) == len(set(names))
    assert {feature.base for feature in FEATURES} - {""} <= set(names)
    assert all(not feature.base for feature in FEATURES if feature.name in {each.base for each in FEATURES})


def test_features_of_one_setup_share_a_server() -> None:
    assert len({feature.setup for feature in FEATURES}) < len(FEATURES) / 2


def test_ratio_is_taken_inside_each_round() -> None:
    costs = Costs({"bare": [10.0, 20.0, 10.0], "guard": [11.0, 24.0, 12.0]})
    guard = next(feature for feature in FEATURES if feature.name == "guard")
    ratio = costs.ratio(guard)
    assert ratio is not None
    assert (round(ratio.low, 2), round(ratio.median, 2), round(ratio.high, 2)) == (1.1, 1.2, 1.2)


def test_table_leaves_out_what_was_not_measured() -> None:
    costs = Costs({"bare": [10.0], "guard": [11.0]})
    assert markdown(costs).splitlines()[4:] == ["| bare | 10.0 |  |  |", "| guard | 11.0 | bare | 1.10 (1.10–1.10) |"]
