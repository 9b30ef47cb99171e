"""Who knows whom beyond those who talk in ``conversations``, who would like to, and who would rather not."""

from dataclasses import dataclass

# Within a circle everybody is friends with everybody; the first one asked, with one of the greetings.
CIRCLES: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("phone", ("emeka", "grace", "ada", "ngozi"), ("Family first!",)),
    (
        "phone",
        ("tomasz", "ada", "priya", "bo"),
        ("Saving everybody's number before I lose it again.", "For the flat things!"),
    ),
    ("nearby", ("isla", "noor", "ravi", "ada", "denise"), ("Hello neighbour!", "From the landing, second floor.")),
    ("phone", ("hamid", "denise", "yusuf"), ("From the rank.",)),
    (
        "group",
        ("theo", "yuki", "isla", "jun", "ravi", "bo"),
        ("Thursday, 13:00 Paris time?", "A game some time?", "Thank you for the game!"),
    ),
    (
        "qr",
        ("lucas", "chloe", "karim", "ines", "aminata", "kofi", "sofia"),
        ("On s'est croisés à l'écluse !", "Du club du canal :)", "À dimanche, 9 h ?", "Bravo pour aujourd'hui !"),
    ),
    ("phone", ("hugo", "linh", "margaux"), ("Pour la coloc.",)),
    ("qr", ("wei", "mei", "xiaoyu", "jun", "ting", "hao"), ("下次吃饭叫上我", "饭友你好", "王伟的朋友都是我的朋友")),
    ("phone", ("guohua", "lan", "mei"), ("爸爸",)),
    ("qr", ("zhou", "mei", "wei", "fang", "qing", "lei"), ("面馆的老邻居", "加一下，留面方便")),
]

# From one to the other, how they met and what was said.
ACQUAINTANCES: list[tuple[str, str, str, str]] = [
    ("kofi", "ada", "phone", "New number, same Kofi."),
    ("chloe", "ada", "handle", "Hi Ada! Sofia told me so much about you."),
    ("priya", "noor", "nearby", "I can hear your violin, it's beautiful!"),
    ("denise", "ada", "nearby", "Flat 11. If you ever need a cab, just knock."),
    ("sofia", "ada", "card", "Thank you for the sofa and the roof!"),
    ("theo", "hugo", "handle", "Salut, c'est Théo, on était au lycée ensemble."),
    ("linh", "xiaoyu", "handle", "Hi! I love your photographs of the old lanes."),
    ("margaux", "sofia", "nearby", "Tes madeleines. Il fallait que je te le dise."),
    ("jeanne", "margaux", "phone", "Pour la recette du gratin."),
    ("jeanne", "linh", "phone", "Bonjour Linh, c'est la maman de Hugo."),
    ("yuki", "mei", "nearby", "We met at the noodle shop, the table by the window."),
    ("lan", "zhou", "phone", "周师傅，我是小梅妈妈"),
    ("lei", "lan", "phone", "马师傅，送小梅的"),
    ("bin", "zhou", "phone", "老周，我是老孙"),
    ("aminata", "linh", "nearby", "Merci pour le coup de main avec les cartons !"),
    ("grace", "bo", "phone", "This is Ada's mother. You eat very well."),
]


@dataclass(frozen=True)
class Request:
    """Not friends yet; with ``refused`` never, and blocked."""

    sender: str
    recipient: str
    source: str
    greeting: str
    hours_ago: int
    refused: bool = False


REQUESTS = [
    Request("yuki", "ada", "group", "Hello Ada, Mei and Bo both say we should meet. Do you play Go?", 21),
    Request("yusuf", "isla", "nearby", "You left a glove in my cab! Green, left hand.", 30),
    Request("ines", "bo", "handle", "Salut Bo! Sofia says you know everything about rye.", 44),
    Request("hugo", "chloe", "handle", "On s'est parlé au semi, tu m'avais recommandé un kiné.", 52),
    Request("qing", "lan", "group", "小梅妈妈，听说您会做荠菜馄饨？", 28),
    Request("hao", "zhou", "nearby", "周师傅，我是王伟的同学，想学做辣油", 26),
    Request("dexter", "priya", "handle", "Earn 400 % in a week, ask me how!!!", 400, refused=True),
]

SHARE_READ_MARKS = {"ada", "bo", "priya", "grace", "chloe", "karim", "sofia", "mei", "lan", "xiaoyu", "isla"}

# How people have their groups: on top of the list, and without a sound.
PINNED = {("ada", "Flat 4B"), ("ada", "The Okafors"), ("chloe", "Les coureurs du canal"), ("mei", "一家三口")}
MUTED = {("ada", "Alder Court neighbours"), ("hugo", "La coloc du quatrième"), ("mei", "老周面馆·熟客群")}

# What people file their friends under.
TAGS: dict[str, dict[str, tuple[str, ...]]] = {
    "ada": {"Family": ("emeka", "grace", "ngozi"), "Flat": ("tomasz", "priya"), "Neighbours": ("isla", "noor", "ravi")},
    "chloe": {"Canal": ("lucas", "karim", "ines", "sofia")},
    "mei": {"家人": ("guohua", "lan"), "饭友": ("wei", "xiaoyu", "jun", "ting", "hao")},
}
