"""Invented words: names of people who do not exist and things they might say."""

from random import Random

_FIRST = (
    "Marlowe", "Ondine", "Thessaly", "Corwin", "Isolde", "Bramwell", "Sunniva", "Peregrine", "Zuleika",
    "Alaric", "Nerissa", "Caspian", "Ottoline", "Lysander", "Eudora", "Florian", "Halcyon", "Jovita",
    "Quillon", "Rosalba", "Tiberius", "Ursuline", "Vesper", "Wendeline", "Ximeno", "Ysolda", "Zephyrin",
    "Åsvard", "Ólafía", "Nəzrin",
)  # fmt: skip
_LAST = (
    "Quillfeather", "Brackenshaw", "Thornapple", "Vandermoot", "Wexcombe", "Oystermouth", "Larkspindle",
    "Pennywhistle-Roe", "Grimsdottir", "Fallowmere", "Sablefont", "Hollowbrook", "Tanglewisp", "Marchpane",
    "Underhay", "Crowsfoot", "Ravelstone", "Æbelhart", "Ñuñomoral", "Śnieżnicki", "Łąkowiec", "O’Starling",
)  # fmt: skip
_ROLES = (
    "Head of Sales",
    "Founder",
    "Fractional CFO",
    "Staff Engineer",
    "Coach",
    "Product Lead",
    "Recruiter",
    "COO",
)
_FIRMS = (
    "Nimbus & Daughters",
    "Copperline",
    "Tallow Labs",
    "Ferrywheel",
    "Quiet Harbour",
    "Ninth Lantern",
    "Øresmed",
)
_OPENERS = (
    "Three things I wish I had known before my first hire.",
    "We lost our largest customer in spring. Here is what it taught us.",
    "Unpopular opinion: your CRM is not the problem.",
    "Ten years ago today I left a safe job.",
    "A short story about a very long sales cycle.",
    "Stop writing cold mails that start with your own name.",
)
_BODIES = (
    "First, write down what good looks like. Nobody can aim at fog.",
    "We measured for six weeks before we changed a single thing.",
    "The team found the answer; all I did was to stay out of the way.",
    "It cost 40% less & took half the time — <b>no magic</b>, just fewer meetings.",
    "Ask the people who answer the phone. They have known for months.",
    "What would you have done? Tell me below.",
    "Price is what you say when you have run out of reasons.",
    "If a report needs a meeting to be understood, fix the report.",
)
_EMOJI = ("🚀", "🎉", "👩🏽‍💻", "🏳️‍🌈", "❤️‍🔥", "🧑‍🤝‍🧑", "🇳🇱", "1️⃣", "👇", "✅", "🤷🏾‍♂️", "𝐁𝐨𝐥𝐝")
_RIGHT_TO_LEFT = (
    "اليوم نحتفل بمرور عام على انطلاق مشروعنا الصغير. شكرًا لكل من آمن بالفكرة!",
    "שלוש תובנות מהשנה האחרונה: להקשיב, לשאול, ורק אחר כך למכור (B2B).",
    "امروز نسخهٔ ۲٫۰ را منتشر کردیم؛ نتیجهٔ کار یک تیم پنج‌نفره.",
)
_TAGS = ("#sales", "#b2b", "#leadership", "#hiring", "#smallbusiness", "#qualität", "#日本語")


def person_name(chance: Random) -> str:
    """A first and a last name that nobody bears."""
    return f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"


def firm_name(chance: Random) -> str:
    """The name of a firm that does not exist."""
    return chance.choice(_FIRMS)


def headline(chance: Random) -> str:
    """What people write under their name."""
    return f"{chance.choice(_ROLES)} at {chance.choice(_FIRMS)}"


def post_text(chance: Random) -> str:
    """An ordinary post: a few paragraphs and a tag."""
    bodies = chance.sample(_BODIES, chance.randint(1, 4))
    return "\n\n".join([chance.choice(_OPENERS), *bodies, chance.choice(_TAGS)])


def emoji_text(chance: Random) -> str:
    """A post with joined, coloured and flag emoji in each line."""
    lines = chance.sample(_BODIES, 3)
    return "\n".join(f"{chance.choice(_EMOJI)} {line} {chance.choice(_EMOJI)}" for line in lines)


def right_to_left_text(chance: Random) -> str:
    """Arabic, Hebrew or Persian, with some Latin inside."""
    return f"{chance.choice(_RIGHT_TO_LEFT)} 👏\n\n{chance.choice(_TAGS)}"


def long_text(chance: Random) -> str:
    """As long as LinkedIn lets a post be: 3,000 characters."""
    lines: list[str] = [chance.choice(_OPENERS)]
    while sum(map(len, lines)) < 3000:
        lines.append(chance.choice(_BODIES))
    return "\n\n".join(lines)[:3000]


def remark(chance: Random) -> str:
    """What a comment says."""
    return f"{chance.choice(_BODIES)} {chance.choice(_EMOJI)}"
