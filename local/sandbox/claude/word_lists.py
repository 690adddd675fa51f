"""English word lists for phrase extraction."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBERS = _words("some many several countless hundreds thousands two three four five six seven eight nine ten")
DETERMINERS = NUMBERS | _words("a an the my our his her their its this that these those every each another")
PLACE_PREPOSITIONS = _words(
    """in inside into through across over above along down under beneath within toward towards around between past at
    on onto near"""
)
PREPOSITIONS = PLACE_PREPOSITIONS | _words("of to from with by for up off behind before after out like as")

STOP = PREPOSITIONS | _words(
    """and but or so then than when while where which who whose that because until if though although also just only i
    me we us you he she it they them him myself himself herself itself themselves there here not no never always
    very too was were is are am be been being had has have having did do does done could would should can will
    might must went go goes going ran run runs flew fly fell fall falls felt feel feeling grew grow began begin
    became become becomes saw see sees came come comes got get gets getting kept keep made make took take told
    tell tells knew know knows thought think stood stand sat sit lay lie led lead left lost opened broke said
    say says heard hear looked look looking woke wake swam swim swims spoke speak found find keeps bled rose
    sank hung held turned turns trying tries tried started start starts starting suddenly slowly everywhere
    somewhere again away back forward together forever still even ever chasing chased chases what how why all
    more once"""
)
"""Words that end a noun phrase."""

EMPTY_HEADS = _words(
    """dream dreams night morning evening midnight sunset sunrise dawn dusk noon summer winter autumn day time moment
    way lot bit kind sort thing things end beginning front middle top side one first last next same other
    something everything nothing someone everyone anyone place feeling sense course fact point part number
    minute minutes second seconds hour hours while instructions prompt duration"""
)
"""Nouns that denote nothing visible."""

LY_NOUNS = _words("butterfly firefly dragonfly fly family lily jelly belly assembly anomaly")
"""Nouns that end in -ly but are not adverbs."""

PLACES = _words(
    """school schools house home forest woods city town street streets alley road corridor corridors hallway hallways
    castle cathedral church mansion ocean sea lake river beach desert mountain mountains valley field fields
    garden sky clouds building tower room basement attic office mall hotel airport pool station hospital
    supermarket library museum theater theatre cave tunnel bridge island village market subway train ship
    graveyard cemetery maze labyrinth rooftop rooftops kitchen bedroom bathroom classroom lobby park space"""
)
CREATURES = _words(
    """man men woman women stranger figure shadow shadows monster creature beast wolf wolves dog dogs bear snake snakes
    spider spiders demon ghost killer clown police crowd soldiers zombie zombies dragon shark tiger lion witch
    robot robots wave storm tornado"""
)
STARTERS = _words(
    """i i'm i'd i've we it he she they the a an there this that my our his her then suddenly when while every
    everything everyone someone somebody something nobody nothing no in on at as and but so after before behind
    below above all also because by each even for from if inside into last later lately like look many maybe
    most now of once one only or out outside over people running flying falling water some somehow soon still
    through to under until what where who why with you your two three its"""
)
"""Words that often begin a sentence, where a capital letter does not indicate a name."""

NAMES = _words(
    """anna alice adam alex amy ben bob carl carol charlie chris claire dan daniel dave david diana emily emma eric eva
    frank george grace hannah harry helen henry jack jacob james jane jason jenny jim joe john josh julia kate
    kevin laura leo linda lisa lucas lucy luke maria mark martin mary matt max mia michael mike nick nina oliver
    olivia paul peter rachel rob robert ruth sam samantha sara sarah simon sofia sophie stephen steve susan
    thomas tim tom victor zoe"""
)
"""Common first names, which are recognized even at the beginning of a sentence."""
