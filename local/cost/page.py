"""The page: ``page.md`` beside this module with the computed tables in it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from dreamvision.core.pricing import PRICES, model_family
from local.cost.prices import Price, assumptions, milliseconds, prices
from local.cost.stack import Stack
from local.cost.usage import Usage

_TEMPLATE = Path(__file__).with_name("page.md")
_PROVIDERS = ("Claude", "Runway")
_MILLION = Decimal(1_000_000)
VIDEOS = (0, 1_000, 1_000_000)
_COLUMNS = ("an idle month", "1,000 videos", "1,000,000 videos")


def render() -> str:
    """Return the whole page."""
    stack = Stack()
    months = [_quantities(stack, Usage(stack, videos)) for videos in VIDEOS]
    known = {**prices(), **_claude_prices(stack)}
    polls = stack.polls(assumptions()["render_seconds"].value)
    values = {
        "summary": _summary(known, months),
        "lines": _lines(known, months),
        "sources": _sources(known),
        "assumptions": _assumptions(),
        "milliseconds": ", ".join(f"`{name}` {count:,}" for name, count in milliseconds().items()),
        "per_video": f"${_total(known, months[2], allowances=False) / VIDEOS[2]:.3f}",
        "providers": f"${_total(known, months[2], allowances=False, services=_PROVIDERS) / VIDEOS[2]:.3f}",
        "quota_days": f"{VIDEOS[2] / int(stack.parameters['ServiceVideosPerDay']) / 30:,.0f}",
        "service_videos": f"{int(stack.parameters['ServiceVideosPerDay']):,}",
        "polls": str(polls),
        "states": str(len(stack.states(polls))),
        "alarms": str(len(stack.of_type("AWS::CloudWatch::Alarm"))),
        "alarm_metrics": str(stack.alarm_metrics),
        "alarm_cost": _dollars(stack.alarm_metrics * prices()["alarm_metrics"].dollars),
    }
    text = _TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _claude_prices(stack: Stack) -> Mapping[str, Price]:
    model = stack.parameters["ClaudeModel"]
    price = PRICES[model_family(model)]
    made = next(iter(prices().values())).date
    source = "https://platform.claude.com/docs/en/about-claude/pricing"
    return {
        f"{kind}_tokens": Price("Claude", f"million {kind} tokens", dollars, Decimal(0), source, made)
        for kind, dollars in (("input", price.input_per_million), ("output", price.output_per_million))
    }


def _quantities(stack: Stack, usage: Usage) -> Mapping[str, Decimal]:
    given = {name: each.value for name, each in assumptions().items()}
    return {
        **usage.quantities(),
        "render_seconds": Decimal(usage.videos * given["video_seconds"]),
        "input_tokens": Decimal(usage.videos * given["input_tokens"]) / _MILLION,
        "output_tokens": Decimal(usage.videos * given["output_tokens"]) / _MILLION,
    }


def _total(
    known: Mapping[str, Price],
    month: Mapping[str, Decimal],
    *,
    allowances: bool,
    services: Sequence[str] | None = None,
) -> Decimal:
    """Return the cost of a month, of all services or of some."""
    return sum(
        (
            price.cost(month[name], allowances=allowances)
            for name, price in known.items()
            if services is None or price.service in services
        ),
        Decimal(0),
    )


def _summary(known: Mapping[str, Price], months: Sequence[Mapping[str, Decimal]]) -> str:
    def row(title: str, services: Sequence[str] | None, *, allowances: bool = True) -> list[str]:
        costs = [_total(known, month, allowances=allowances, services=services) for month in months]
        return [title, *map(_dollars, costs)]

    services = sorted({price.service for price in known.values()}, key=lambda each: each.lower())
    rows = [row(service, [service]) for service in services]
    aws = [service for service in services if service not in _PROVIDERS]
    rows += [
        row("**AWS**", aws),
        row("**together**", None),
        row("AWS without free allowances", aws, allowances=False),
    ]
    return _table(["service", *_COLUMNS], rows)


def _lines(known: Mapping[str, Price], months: Sequence[Mapping[str, Decimal]]) -> str:
    rows = [
        [
            price.service,
            price.unit,
            f"${max(price.dollars, price.dollars.quantize(Decimal('0.01')))}",
            _quantity(price.free) if price.free else "",
            *(_quantity(month[name]) for month in months),
        ]
        for name, price in sorted(known.items(), key=lambda item: item[1].service.lower())
    ]
    return _table(["service", "unit", "price", "free", *_COLUMNS], rows)


def _sources(known: Mapping[str, Price]) -> str:
    by_service = {price.service: price for price in known.values()}
    return ", ".join(
        f"[{service}]({price.source})"
        for service, price in sorted(by_service.items(), key=lambda each: each[0].lower())
    )


def _assumptions() -> str:
    return _table(["assumed", "value"], [[each.why, f"{each.value:,}"] for each in assumptions().values()])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    numbers = [index for index, name in enumerate(header) if name in (*_COLUMNS, "price", "free", "value")]
    rule = ["--:" if index in numbers else "---" for index in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}" if amount < 1000 else f"${amount:,.0f}"


def _quantity(amount: Decimal) -> str:
    if amount == amount.to_integral_value() or amount >= 1000:
        return f"{amount:,.0f}"
    return f"{amount:,.2f}" if amount >= Decimal("0.01") else f"{amount:.1g}" if amount else "0"
