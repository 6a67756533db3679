"""Whether an answer can be read by a person: no bytes as base64, and no id where people have another word for the thing."""

import re

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={1,2}")
# What says the same beside an id: by the name of its field, any of these.
BESIDE = {
    "id": ("code", "name", "record_name", "number", "item_code", "action"),
    "record_id": ("record_name",),
    "store_id": ("store_code",),
    "item_id": ("item_code",),
    "unit_id": ("unit_name",),
    "name_id": ("name_code",),
    "supplier_id": ("supplier_code",),
    "other_party_id": ("other_party_code",),
    "stock_line_id": ("item_code", "batch"),
    "channel": ("store_code",),
    "subject": ("subject_name",),
}


def wrong(answer, where="the answer"):
    """What can't be read, in words."""
    if isinstance(answer, list):
        for value in answer:
            yield from wrong(value, where)
        return
    if not isinstance(answer, dict):
        return
    for field, value in answer.items():
        place = f"{where}.{field}"
        if isinstance(value, (dict, list)):
            # Texts in a list stand alone: an id among them says nothing.
            if isinstance(value, list) and any(isinstance(text, str) and ID.fullmatch(text) for text in value):
                yield f"{place} lists ids"
            yield from wrong(value, place)
        elif isinstance(value, str):
            yield from text(field, value, answer, place)


def snake(name):
    """`storeCode` as `store_code`."""
    return re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def text(field, value, beside, place):
    """One value with what stands beside it."""
    if BASE64.fullmatch(value):
        yield f"{place} is base64: {value}"
    named = {snake(name): other for name, other in beside.items()}
    if ID.search(value) and not any(named.get(word) for word in BESIDE.get(snake(field), ())):
        # Words that tell what to type next name the entry that is meant.
        if not re.search(f"`[^`]*{ID.pattern}`", value):
            yield f"{place} is an id without a word for it: {value}"
