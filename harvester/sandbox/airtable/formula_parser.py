"""From pieces to something that can be computed for a row: precedence, functions, field names."""

from collections.abc import Callable, Mapping
from typing import Protocol

from harvester.sandbox.airtable.errors import bad_formula
from harvester.sandbox.airtable.formula_functions import Function, arithmetic
from harvester.sandbox.airtable.formula_tokens import Token, tokens
from harvester.sandbox.airtable.formula_values import ERROR, Value, equal, less, text, truth


class Row(Protocol):
    """What a formula is computed for."""

    def cell(self, field_id: str) -> Value:
        """The value of a field."""

    def record_id(self) -> str:
        """The record's ID."""

    def created_at(self) -> Value:
        """When the record was made."""


Expression = Callable[[Row], Value]
#: Deepest nesting of brackets that is read.
_DEEPEST = 60


class Parser:
    """Reads one formula. `names` gives the IDs of the fields by name and by ID."""

    def __init__(self, formula: str, names: Mapping[str, str], functions: Mapping[str, Function]) -> None:
        self._tokens = tokens(formula)
        self._place = 0
        self._depth = 0
        self._names = names
        self._functions = functions
        self._unknown: list[str] = []

    def parse(self) -> Expression:
        """The whole formula. Raises `ApiError` 422."""
        expression = self._comparison()
        if self._next().kind != "end":
            raise bad_formula()
        if self._unknown:
            raise bad_formula(f"Unknown field names: {', '.join(dict.fromkeys(self._unknown)).lower()}")
        return expression

    def _next(self) -> Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _sign(self, *signs: str) -> str:
        token = self._tokens[self._place]
        if token.kind != "sign" or token.text not in signs:
            return ""
        self._place += 1
        return token.text

    def _comparison(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise bad_formula()
        left = self._joined()
        if sign := self._sign("=", "!=", "<", "<=", ">", ">="):
            left = _compared(sign, left, self._joined())
        self._depth -= 1
        return left

    def _joined(self) -> Expression:
        left = self._sum()
        while self._sign("&"):
            left = _concatenated(left, self._sum())
        return left

    def _sum(self) -> Expression:
        left = self._product()
        while sign := self._sign("+", "-"):
            left = _computed(sign, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._single()
        while sign := self._sign("*", "/"):
            left = _computed(sign, left, self._single())
        return left

    def _single(self) -> Expression:
        if self._sign("-"):
            return _computed("-", _constant(0), self._single())
        token = self._next()
        if token == ("sign", "("):
            inner = self._comparison()
            self._expect(")")
            return inner
        if token.kind == "text":
            return _constant(token.text)
        if token.kind == "number":
            return _constant(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "name" and self._sign("("):
            return self._call(token.text.upper(), self._arguments())
        if token.kind in ("name", "field"):
            return self._field(token.text)
        raise bad_formula()

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise bad_formula()

    def _arguments(self) -> list[Expression]:
        if self._sign(")"):
            return []
        given = [self._comparison()]
        while self._sign(","):
            given.append(self._comparison())
        self._expect(")")
        return given

    def _field(self, name: str) -> Expression:
        field_id = self._names.get(name)
        if field_id is None:
            self._unknown.append(name)
            return _constant(ERROR)
        return lambda row: row.cell(field_id)

    def _call(self, name: str, given: list[Expression]) -> Expression:
        if name == "IF" and len(given) in (2, 3):
            return _chosen(*given)
        if name == "RECORD_ID" and not given:
            return lambda row: row.record_id()
        if name == "CREATED_TIME" and not given:
            return lambda row: row.created_at()
        function = self._functions.get(name)
        if function is None or not function.least <= len(given) <= function.most:
            raise bad_formula()
        return _called(function, given)


def _constant(value: Value) -> Expression:
    return lambda _row: value


def _called(function: Function, given: list[Expression]) -> Expression:
    def run(row: Row) -> Value:
        values = [one(row) for one in given]
        return ERROR if any(value is ERROR for value in values) else function.run(*values)

    return run


def _chosen(condition: Expression, yes: Expression, no: Expression | None = None) -> Expression:
    """Only the branch that is chosen is computed."""

    def run(row: Row) -> Value:
        decided = condition(row)
        if decided is ERROR:
            return ERROR
        branch = yes if truth(decided) else no
        return branch(row) if branch else None

    return run


def _computed(sign: str, left: Expression, right: Expression) -> Expression:
    return lambda row: arithmetic(sign, left(row), right(row))


def _concatenated(left: Expression, right: Expression) -> Expression:
    def run(row: Row) -> Value:
        first, second = text(left(row)), text(right(row))
        return first + second if isinstance(first, str) and isinstance(second, str) else ERROR

    return run


def _compared(sign: str, left: Expression, right: Expression) -> Expression:
    def run(row: Row) -> Value:
        first, second = left(row), right(row)
        if sign in ("=", "!="):
            same = equal(first, second)
            return same if same is ERROR or sign == "=" else not same
        smaller = less(second, first) if sign in (">", "<=") else less(first, second)
        return smaller if smaller is ERROR or sign in ("<", ">") else not smaller

    return run
