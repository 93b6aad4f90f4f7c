"""A request-scoped graph of ten providers with shared ones among them, for NestPy and for dishka alike."""

from __future__ import annotations


class First:
    pass


class Second:
    def __init__(self, first: First) -> None:
        self.first = first


class Third:
    def __init__(self, first: First, second: Second) -> None:
        self.first = first
        self.second = second


class Fourth:
    def __init__(self, second: Second, third: Third) -> None:
        self.second = second
        self.third = third


class Fifth:
    def __init__(self, third: Third, fourth: Fourth) -> None:
        self.third = third
        self.fourth = fourth


class Sixth:
    def __init__(self, fourth: Fourth, fifth: Fifth) -> None:
        self.fourth = fourth
        self.fifth = fifth


class Seventh:
    def __init__(self, fifth: Fifth, sixth: Sixth) -> None:
        self.fifth = fifth
        self.sixth = sixth


class Eighth:
    def __init__(self, sixth: Sixth, seventh: Seventh) -> None:
        self.sixth = sixth
        self.seventh = seventh


class Ninth:
    def __init__(self, seventh: Seventh, eighth: Eighth) -> None:
        self.seventh = seventh
        self.eighth = eighth


class Tenth:
    def __init__(self, first: First, eighth: Eighth, ninth: Ninth) -> None:
        self.first = first
        self.eighth = eighth
        self.ninth = ninth


ALL = (First, Second, Third, Fourth, Fifth, Sixth, Seventh, Eighth, Ninth, Tenth)
