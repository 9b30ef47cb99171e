"""Who lives in the demo city. Numbers come from ranges kept for films (Ofcom's and Arcep's) or that nobody is given."""

from dataclasses import dataclass

from superapp.localdev.demo.looks import Look, Monogram, Portrait, Scene


@dataclass(frozen=True)
class City:
    language: str
    time_zone: str
    phone: str


LONDON = City("en", "Europe/London", "+447700900{:03}")
PARIS = City("fr", "Europe/Paris", "+33639980{:03}")
# Mainland mobile numbers begin with 13 to 19.
SHANGHAI = City("zh-hans", "Asia/Shanghai", "+8612100000{:03}")


@dataclass(frozen=True)
class Person:
    """``number`` ends their phone number. ``own_language`` is for those who do not use their city's."""

    handle: str
    name: str
    city: City
    number: int
    look: Look
    own_language: str = ""

    @property
    def phone(self) -> str:
        return self.city.phone.format(self.number)

    @property
    def language(self) -> str:
        return self.own_language or self.city.language


PEOPLE = [
    # London: a flat-share, a family, their neighbours, and the drivers of the night rank.
    Person("ada", "Ada Okafor", LONDON, 101, Portrait("afro", "umber", "black", "mustard", "peach")),
    Person("bo", "Bo Lindqvist", LONDON, 102, Portrait("side", "porcelain", "blond", "denim", "sage", beard=True)),
    Person("priya", "Priya Raman", LONDON, 103, Portrait("long", "bronze", "black", "coral", "cream", glasses=True)),
    Person("tomasz", "Tomasz Zieliński", LONDON, 104, Scene("bicycle", "sky", "night")),
    Person("grace", "Grace Okafor", LONDON, 105, Portrait("headwrap", "cocoa", "coral", "plum", "mustard")),
    Person("emeka", "Emeka Okafor", LONDON, 106, Portrait("short", "umber", "black", "teal", "sky")),
    Person("ngozi", "Ngozi Eze", LONDON, 107, Portrait("bun", "cocoa", "black", "brick", "rose", glasses=True)),
    Person("hamid", "Hamid Karimi", LONDON, 108, Scene("taxi", "mustard", "night")),
    Person("denise", "Denise Clarke", LONDON, 109, Portrait("curls", "umber", "brown", "olive", "cream")),
    Person("yusuf", "Yusuf Demir", LONDON, 110, Portrait("short", "sand", "black", "night", "sage", beard=True)),
    Person("noor", "Noor Haddad", LONDON, 111, Portrait("scarf", "honey", "teal", "night", "peach")),
    Person("isla", "Isla MacLeod", LONDON, 112, Portrait("curls", "porcelain", "copper", "teal", "sky")),
    Person(
        "ravi",
        "Ravi Patel",
        LONDON,
        113,
        Portrait("bald", "bronze", "silver", "brick", "sage", glasses=True, beard=True),
    ),
    Person("dexter", "Dexter Quill", LONDON, 114, Monogram("cream", "brick")),
    # Paris: a running club, a flat-share near Oberkampf, a pastry cook, a teacher of Go.
    Person("chloe", "Chloé Martin", PARIS, 101, Portrait("bob", "sand", "chestnut", "brick", "sky")),
    Person("karim", "Karim Benali", PARIS, 102, Portrait("curls", "honey", "black", "mustard", "teal")),
    Person("lucas", "Lucas Moreau", PARIS, 103, Scene("track", "coral", "night")),
    Person("ines", "Inès Fernandes", PARIS, 104, Portrait("ponytail", "honey", "brown", "sky", "coral")),
    Person("aminata", "Aminata Diallo", PARIS, 105, Portrait("braids", "cocoa", "black", "mustard", "sage")),
    Person("kofi", "Kofi Mensah", PARIS, 106, Portrait("short", "cocoa", "black", "coral", "cream"), own_language="en"),
    Person("theo", "Théo Garnier", PARIS, 107, Scene("stones", "mustard", "night")),
    Person("sofia", "Sofia Rossi", PARIS, 108, Portrait("bun", "sand", "chestnut", "cream", "plum")),
    Person("hugo", "Hugo Lefèvre", PARIS, 109, Scene("mountains", "peach", "plum")),
    Person("linh", "Linh Nguyễn", PARIS, 110, Portrait("fringe", "sand", "black", "plum", "mustard")),
    Person("margaux", "Margaux Petit", PARIS, 111, Scene("cat", "rose", "night")),
    Person(
        "jeanne", "Jeanne Lefèvre", PARIS, 112, Portrait("bob", "porcelain", "silver", "denim", "rose", glasses=True)
    ),
    # Shanghai: friends who eat at night, a noodle shop and its regulars, a family, a landlord.
    Person("mei", "林小梅", SHANGHAI, 101, Portrait("fringe", "porcelain", "black", "coral", "sage")),
    Person("lan", "吴兰", SHANGHAI, 102, Scene("hills", "sage", "teal")),
    Person("guohua", "林国华", SHANGHAI, 103, Scene("sea", "sky", "denim")),
    Person("zhou", "周建国", SHANGHAI, 104, Scene("noodles", "cream", "brick")),
    Person("wei", "王伟", SHANGHAI, 105, Portrait("short", "sand", "black", "olive", "cream", glasses=True)),
    Person("xiaoyu", "张小雨", SHANGHAI, 106, Portrait("bob", "porcelain", "black", "teal", "coral")),
    Person("jun", "李俊", SHANGHAI, 107, Scene("moon", "peach", "night")),
    Person("ting", "黄婷", SHANGHAI, 108, Scene("plant", "cream", "teal")),
    Person("hao", "赵浩", SHANGHAI, 109, Portrait("side", "honey", "black", "cream", "denim")),
    Person(
        "yuki",
        "佐藤由纪",
        SHANGHAI,
        110,
        Portrait("ponytail", "porcelain", "brown", "night", "peach"),
        own_language="en",
    ),
    Person("fang", "刘芳", SHANGHAI, 111, Scene("cup", "sky", "brick")),
    Person("bin", "孙斌", SHANGHAI, 112, Scene("dunes", "mustard", "brick")),
    Person("lei", "马磊", SHANGHAI, 113, Scene("lantern", "coral", "night")),
    Person("qing", "徐清", SHANGHAI, 114, Portrait("bun", "sand", "silver", "plum", "sage")),
]

BY_HANDLE = {person.handle: person for person in PEOPLE}
