"""Conversations in English. ``script`` explains how they are written down."""

from superapp.localdev.demo.script import Direct, Group

DIRECT = [
    Direct(
        asks="ada",
        answers="bo",
        source="qr",
        greeting="It's Ada from the climbing wall. You still have my chalk bag!",
        talk="""
            6w Tue 19:42
            bo: Guilty. It's on my kitchen table, I promise I'm not using it
            ada: Your hands were suspiciously white last week
            bo: That was flour
            bo: I'd been baking
            ada: A likely story
            bo: I can prove it. Rye with walnuts, first one that didn't come out like a paving stone
            ada: Bring it on Thursday and you may keep the chalk bag until then
            bo: Deal

            6w Thu 22:10
            ada: OK I take everything back. That bread was ridiculous
            bo: Told you!
            ada: Tomasz ate half of it standing up in the hall
            bo: Tell him there's a waiting list
            ada: He's asking where to sign

            5w Sun 11:05
            ada: Are you doing anything useful today?
            bo: Define useful
            ada: I have a flat-pack bookcase and one screwdriver
            bo: I have two screwdrivers and no plans
            ada: You're a good person
            bo: What's for lunch?
            ada: There it is
            ada: Jollof. My mum's recipe, my nerves
            bo: Leaving now

            5w Sun 17:48
            bo: Home. I found one of your screws in my pocket
            ada: So THAT's why the third shelf leans
            bo: It leans towards the window. Artistic

            4w Wed 18:20
            ada: Have you told Sofia yet which weekend?
            bo: She can come this weekend or the one after
            ada: Not this one, I promised Mum I'd help with the garden
            bo: The one after, then. I'll write to her tonight
            ada: Ask her whether she brings anything sweet
            bo: She's a pastry cook, Ada. It would be stranger if she didn't

            3w Tue 20:31
            ada: [skyline]
            ada: From the roof. You're missing the best light of the year
            bo: I can see the same sun from the bus, if that helps
            bo: Wow though
            ada: The landlord says we may put chairs up there as long as nobody calls it a terrace
            bo: What do we call it?
            ada: The upstairs floor with no ceiling
            bo: I'll bring the chairs

            2w Mon 12:52
            bo: Quick question for a designer
            bo: Is it a crime to put Comic Sans on a bakery sign?
            ada: Not a crime. But I will cross the road
            bo: It's for the market stall. They gave me a Saturday!
            ada: WHAT
            ada: Bo! That's huge
            bo: It's a table two metres wide
            ada: A table of your own at the market. Send me the measurements, you're getting a proper sign
            bo: I was hoping you'd say that
            bo: I can pay in cinnamon buns
            ada: That's the only currency I take

            2w Thu 21:15
            ada: Three sketches, tell me honestly
            ada: One is a wheat ear, two is a bear with an apron, three is just your name, large
            bo: The bear
            ada: I knew it'd be the bear
            bo: Does the bear have a name?
            ada: The bear is called Bo, obviously

            2w Sun 10:02
            bo: Sold out at half past eleven yesterday
            bo: A boy asked whether the bear is real
            ada: What did you say?
            bo: That he does the night shift
            ada: I'm so proud of you both

            5d 18:04
            bo: Film on the no-ceiling floor this week? I can borrow a projector from work
            ada: Yes! Priya wants to come, and she'll want subtitles
            bo: Something with subtitles, then
            ada: And blankets. It's November up there all year
            bo: I'll make soup

            2d 12:21
            ada: Forecast says dry until ten
            bo: That's nearly a whole film
            ada: We'll watch the end indoors like civilised people
            bo: Isla is asking if she can bring the Go board
            ada: To a film?
            bo: She says for the slow parts

            1d 09:46
            ada: Last night was lovely. Even the slow parts
            bo: Nobody has ever cheered a subtitle like Priya
            ada: She's still quoting it in the kitchen
            bo: I left my blue thermos at yours, I think

            0d 08:09
            ada: Found it. The soup from the roof is still warm. Two nights later!
            unread: ada
            bo: That thermos is the best thing I own
            bo: I'll come by after work. Do you need anything from the shop?
            """,
    ),
    Direct(
        asks="grace",
        answers="ada",
        source="phone",
        greeting="It is your mother. Emeka put this on my phone.",
        remarks={"ada": "Mum", "grace": "My Ada"},
        talk="""
            5w Mon 19:10
            ada: Mum! You did it!
            grace: Emeka did it. I only pressed where he said
            ada: How is the new phone?
            grace: Too bright. But I can see your picture, so it is good
            grace: You are too thin in it
            ada: It's a cartoon, Mum
            grace: Even so

            4w Sat 09:24
            grace: Are you awake?
            ada: I am now
            grace: Good. Your aunt wants the recipe for the plantain you made
            ada: It's your recipe
            grace: I know. Send it to her anyway, she thinks you invented it
            ada: I'll never correct her

            3w Sun 18:35
            grace: The beans you planted are coming up
            ada: Already? I only put them in two weeks ago
            grace: I sing to them
            ada: That explains it
            grace: Your brother says they come up to make me stop

            4d 17:30
            grace: Church was full. Everybody asks for you
            ada: Tell them I'm working hard
            grace: I told them you put a bear on a sign
            ada: That's also true

            1d 18:52
            ada: I'm coming on Sunday, shall I bring bread from Bo?
            unread: ada
            grace: Yes, the dark one. And bring Bo as well, he eats properly
            grace: Not before noon. I have choir
            """,
    ),
    Direct(
        asks="priya",
        answers="ada",
        source="phone",
        greeting="Your new flatmate! I'm the one with the very large plant.",
        talk="""
            4w Fri 16:40
            priya: Is it me or does the boiler sound like it's gargling?
            ada: It does that when the pressure drops. There's a tap behind the blue door
            priya: I turned a tap behind a blue door. Now it's singing
            ada: Singing is fine. Gargling is bad
            priya: I love this flat

            2w Wed 13:15
            ada: Your parcel's here. It's heavier than it looks
            priya: It's soil!
            ada: You ordered earth. By post
            priya: Organic earth. For Gerald
            ada: The plant has a name?
            priya: You have a brother called Emeka and I have a plant called Gerald, let's not compare

            3d 22:05
            priya: Interview went well I think??
            ada: Tell me everything. Kettle's on
            priya: On the bus, eight minutes
            ada: I'll put Gerald in the good chair
            """,
    ),
    Direct(
        asks="bo",
        answers="sofia",
        source="handle",
        greeting="Hej Sofia! Bo from the baking course in Lyon. How is the starter?",
        talk="""
            5w Wed 20:15
            sofia: Bo! The starter is alive and it hates me
            bo: Feed it rye for three days. They forgive everything for rye
            sofia: You talk about it like a cat
            bo: It's less trouble than a cat. It doesn't bring you mice

            4w Wed 21:30
            bo: Ada can't this weekend, but the one after is perfect. Can you come?
            sofia: Yes! I finish at two on Friday and take the train at four
            bo: We'll meet you at the station. I'll be the one covered in flour
            sofia: You're always the one covered in flour
            bo: Then you'll know me at once

            3w Sun 22:02
            sofia: Bien rentrée ! Merci à tous les deux, c'était parfait
            sofia: Sorry, I'm still thinking in French
            bo: I understood "perfect", that's enough for me
            bo: Your lemon tart is gone. Tomasz says it evaporated
            sofia: In my family we say a tart that lasts until morning was not a tart

            2w Tue 21:44
            bo: They gave me a stall at the market!
            sofia: Ma io lo sapevo! I knew it
            sofia: How many loaves?
            bo: Forty. Is that too many?
            sofia: Make sixty. And something small and sweet at the front, children choose with their eyes
            bo: Cinnamon buns?
            sofia: Cinnamon buns at the front, always

            1d 21:20
            bo: Second market coming up. I'm making eighty
            unread: bo
            sofia: Eighty! Soon you need a helper
            sofia: I have three free days next month. Just saying
            """,
    ),
    Direct(
        asks="isla",
        answers="bo",
        source="group",
        greeting="Isla from the Go evenings. Rematch?",
        talk="""
            4w Thu 22:18
            bo: Rematch accepted. How did I lose that corner?
            isla: You played one move too few in it
            bo: I thought it was alive
            isla: It thought so too

            3w Tue 20:05
            isla: Here's a problem for you. Black to play and live. No engines!
            bo: It's on my fridge now. My bread is judging me
            isla: Hint: not where you want to play
            bo: That's the hint for my whole life

            2w Sat 19:30
            bo: The middle! It's the point in the middle!
            isla: Two weeks, but yes!
            bo: I have never been so pleased about one stone
            """,
    ),
    Direct(
        asks="ada",
        answers="mei",
        source="handle",
        greeting="Hi Mei, Ada from the design conference. Your talk about street signs was my favourite.",
        remarks={"ada": "Mei (Shanghai)"},
        talk="""
            6w Wed 10:12
            mei: Thank you! I was so nervous that I forgot half of it
            ada: The half you remembered was excellent
            mei: You asked about the hand-painted menus
            mei: The old man at my noodle shop paints his himself
            ada: Himself? With a brush?
            mei: With a brush, every morning. The price of beef is the part he repaints most

            5w Tue 11:05
            mei: I bring you an honour. Mr Zhou wrote your name on the board
            ada: On the menu?!
            mei: As "Ada noodles". It's beef, extra chilli
            ada: I have never been so flattered by a soup
            mei: [noodles]
            mei: This one is yours
            ada: I want to print this and hang it in the kitchen

            3w Mon 10:30
            ada: What font would you put on a bakery sign?
            mei: No font. Paint it
            ada: I was afraid you'd say that. I have shaky hands
            mei: Shaky is good. People trust bread more when the sign is not perfect
            ada: I'm writing that on my wall

            4d 10:48
            mei: I may come to London soon, for work!
            ada: You're staying with us. No discussion
            mei: Is there room?
            ada: There's a sofa, a plant called Gerald and a roof without a ceiling
            mei: I don't understand but I say yes
            """,
    ),
    Direct(
        asks="denise",
        answers="hamid",
        source="phone",
        greeting="Denise, cab 41. You asked for the number of my mechanic.",
        talk="""
            7w Tue 17:05
            hamid: Bless you. The clutch smells like burnt toast
            denise: Ask for Winston and say I sent you. He's slow but he's honest
            hamid: Slow and honest, like me in traffic

            6w Fri 16:20
            hamid: Winston did it in a day and charged half of what the other one wanted
            denise: He also tells you about his pigeons, that's where the other half goes
            hamid: I know all their names now

            6d 15:40
            denise: Are you on tonight? My daughter's play is at seven and I'd like to see all of it
            hamid: Go. I'll take your airport run at eight, just tell the office
            denise: I owe you one
            hamid: You owe me a pigeon
            """,
    ),
    Direct(
        asks="emeka",
        answers="kofi",
        source="phone",
        greeting="Saved your Paris number. Don't forget us!",
        talk="""
            4w Sun 15:10
            kofi: How could I, you send me a goal every weekend
            emeka: Did you see it though
            kofi: I saw it four times. You were offside in three of them
            emeka: Physio school has made you cruel

            3w Sat 21:05
            emeka: My ankle's the size of a grapefruit
            kofi: Ice, twenty minutes, up on a chair. Can you stand on it?
            emeka: Yes but not nobly
            kofi: Then it's a sprain. Two weeks off, and I mean two
            emeka: One and a half?
            kofi: Two, or I tell your mother

            3d 20:40
            emeka: Two weeks done. I ran today. It holds!
            kofi: See? Now do the boring exercises as well
            emeka: The ones with the rubber band?
            kofi: Especially the ones with the rubber band
            """,
    ),
    Direct(
        asks="theo",
        answers="yuki",
        source="handle",
        greeting="Great game on Thursday! Shall we go over it?",
        talk="""
            7w Fri 12:40
            yuki: With pleasure. I think I was behind until move 90
            theo: I was sure I was behind until move 90!
            yuki: Then neither of us was counting
            theo: Where would you have played instead of the cap?
            yuki: One line lower. The cap looks strong but it leaves a way out on the left
            theo: I see it now. You saw it then

            3w Sun 11:15
            theo: I showed your game to my beginners
            theo: One of them, nine years old, asked why you didn't just take the stone
            yuki: What did you answer?
            theo: That you were waiting for it to become two
            yuki: That's a very good answer. May I use it?

            5d 12:20
            yuki: I'll be travelling on Thursday, but I can play from the train
            theo: Slow game, then. One move per tunnel
            yuki: There are many tunnels on that line
            theo: I'll bring a book
            """,
    ),
]

GROUPS = [
    Group(
        title="Flat 4B",
        members=("tomasz", "ada", "priya"),
        talk="""
            6w Mon 18:30
            tomasz: New group, because the paper on the fridge has run out of paper
            ada: The end of an era
            tomasz: Rota: bins are me this week, Ada next, then Priya
            priya: And watering Gerald is nobody but me
            tomasz: Nobody dared to ask

            5w Thu 19:55
            ada: Who has eaten the last of the good cheese?
            tomasz: Define good
            ada: The one with my name on it
            tomasz: It said "Adam"
            ada: That's a crumb, Tomasz
            tomasz: I'll replace it. With interest
            priya: I also had some. With quite a lot of interest

            4w Tue 08:15
            priya: Plumber comes between 9 and 13, can anyone be home?
            tomasz: I'm working from home until noon
            ada: I can be back at twelve
            priya: You are heroes

            4w Tue 12:48
            tomasz: He's been. It was a teaspoon
            ada: In the pipe?
            tomasz: In the pipe. He asked if we wanted it back
            priya: Did we?
            tomasz: It's a nice teaspoon

            2w Fri 17:20
            ada: Bo comes for dinner and brings the bread
            tomasz: I'll make pierogi
            priya: I'll make my famous salad
            tomasz: The one from the bag?
            priya: It's famous in our kitchen

            4d 19:05
            tomasz: Electricity bill's in, 31 each. I've put it on the fridge, for old times' sake
            ada: Paid!
            priya: Paid, and I drew Gerald on it

            2d 22:44
            ada: Thank you for the chairs, the blankets and the applause
            unread: ada
            tomasz: The roof is now officially my favourite cinema
            priya: I moved the plants in, it's going to be cold tonight
            """,
    ),
    Group(
        title="The Okafors",
        members=("emeka", "grace", "ada", "ngozi"),
        talk="""
            5w Mon 20:00
            emeka: Family group! Mum is officially online
            grace: Good evening everybody
            ngozi: Grace! At last. Now you can see my tomatoes
            grace: I would rather see you on Sunday
            ngozi: You'll see me, and the tomatoes

            4w Sat 12:30
            ngozi: Ada, that plantain! Your uncle asked for it twice
            ada: I'm glad, Auntie
            grace: A very old recipe
            ngozi: Is it? She told me she invented it
            emeka: I'm getting popcorn
            ada: I was going to explain

            3w Sat 21:20
            emeka: Don't worry but I twisted my ankle
            grace: I am worrying
            ada: Kofi's already told him what to do
            grace: Good boy. Do what Kofi says
            emeka: Everyone always says do what Kofi says
            ngozi: Because he is right. Put it up!

            2w Sun 13:40
            grace: The table is laid. Where is everybody?
            emeka: Bus. Ten minutes
            ada: Same bus, other end of it
            grace: My children cannot even sit together on a bus
            emeka: She got on two stops later Mum
            ngozi: I am already here and I am already eating

            5d 19:15
            grace: Choir on Sunday at ten. Who comes?
            ngozi: I am singing next to you, so I suppose I come
            ada: I'll come for the second half and lunch
            emeka: I'll come for lunch and the second half of lunch

            1d 12:05
            ngozi: Tomatoes, as promised: eleven jars. Two for everybody, three for whoever carries them
            emeka: I have a bad ankle
            ngozi: You ran on it this week, I have my sources
            """,
    ),
    Group(
        title="Night rank",
        members=("hamid", "denise", "yusuf"),
        talk="""
            6w Thu 21:35
            hamid: Roadworks on the bridge until Monday, one lane. Go round by the station
            denise: Thanks. I was about to sit in it
            yusuf: I'm sitting in it
            hamid: Then enjoy the view

            4w Fri 23:12
            yusuf: Theatre's out in ten, about four hundred people and it's starting to rain
            denise: On my way
            hamid: Two minutes
            yusuf: You two are like seagulls

            4w Fri 23:58
            denise: A lady left a cello. A whole cello!
            hamid: How do you forget a cello?
            denise: She was carrying a cake as well. She remembered the cake
            yusuf: Priorities
            denise: Office has her number, I'm driving it home to her

            3w Wed 20:20
            hamid: The tea hut by the market is open again
            yusuf: With the old man?
            hamid: With the old man and the old prices
            denise: See you there at nine

            2w Sun 22:05
            yusuf: Best fare this week: a man who wanted to go round the park twice because his favourite song was on
            denise: Which song?
            yusuf: He sang louder than the radio, hard to say
            hamid: I hope you sang with him
            yusuf: Second time round, yes

            6d 21:40
            denise: Thank you Hamid. Saw the whole play. She was a tree, and the best tree they had
            hamid: I'm sure nobody stood stiller
            yusuf: Bravo to the tree!

            1d 22:40
            hamid: Fog by the river, take it slowly
            denise: Home already, feet up. Drive safely, both of you
            unread: yusuf
            hamid: Tea hut at eleven if it stays quiet
            """,
    ),
    Group(
        title="Alder Court neighbours",
        members=("isla", "noor", "ravi", "ada", "denise"),
        talk="""
            5w Sat 10:15
            isla: Hello all! I've set this up so that we stop writing on the lift door
            ravi: I liked the lift door
            noor: The lift door had spelling mistakes, Ravi
            ravi: It had character
            denise: Good idea. Flat 11 here, I work nights, so please no drilling before noon

            4w Mon 18:50
            noor: Does anyone have a ladder? A bulb has gone on the third floor
            ravi: I do, and I have the bulb as well. That's the advantage of owning a shop
            noor: Thank you! I'll hold the ladder
            ravi: You'll climb it, my knees have retired

            3w Thu 19:20
            ada: We're planning to sit on the roof now and then in the evenings. If it's ever too loud, tell us
            isla: Only if I may join with the Go board
            denise: I'm out driving at that hour, wave to me

            2w Wed 17:05
            isla: A parcel for Flat 7 landed with me. It's ticking
            noor: That's my metronome!
            isla: What a relief. It's keeping very good time

            4d 18:30
            ravi: I ordered one crate of oranges too many. There's a bowl by the letterboxes, please help yourselves
            ada: You're the best shop in the world
            noor: Took two, they're so sweet

            2d 17:45
            noor: I have an exam recital soon and have to practise. Is between five and six all right?
            isla: More than all right, I'll open my window
            denise: That's when I get up. A violin beats my alarm
            ravi: Play something my knees can dance to
            """,
    ),
    Group(
        title="Go & chess, Thursdays",
        members=("theo", "yuki", "isla", "jun", "ravi", "bo"),
        talk="""
            6w Mon 12:30
            theo: Welcome! Thursdays at 13:00 Paris time, so that London can play at lunch and Shanghai after dinner
            isla: A sandwich in one hand and a stone in the other, perfect
            yuki: Thank you for thinking of all three clocks
            jun: I have finished dinner, I am ready, it's Monday
            ravi: Is chess still allowed? Asking for an old man
            theo: Chess is most welcome, Ravi
            bo: I know how the horse moves
            ravi: It's called a knight, but we'll start there

            5w Thu 14:20
            theo: Results: Yuki beat me by a point and a half, Isla beat Bo, Ravi beat Jun at chess
            jun: I resigned when he started humming
            ravi: Humming is not in the rules
            bo: Isla's being modest. It was a massacre
            isla: You had one very pretty group
            bo: Had

            4w Thu 14:05
            theo: [go_board]
            theo: White to move. What would you play? Answers without an engine, please
            yuki: There's something on the right side, isn't there
            jun: I'd cut
            isla: Jun always cuts
            jun: And sometimes it works
            theo: This time it works!
            jun: I told you so. I did not count anything, but I told you so

            3w Thu 14:40
            ravi: Bo has beaten me. At chess. I want this in writing
            bo: It's in writing now
            ravi: He moved the horse very well

            2w Mon 13:10
            theo: Shall we have a little tournament? Six players, everyone plays everyone, one game a week
            yuki: I'm in
            isla: In!
            jun: In. The winner chooses the cake
            bo: I bake the cake, so I can only lose

            5d 12:45
            theo: Round one: Yuki–Jun, Isla–Ravi, Bo–me
            ravi: I shall play Go, and I shall suffer
            isla: I'll be gentle

            1d 13:25
            bo: I won?! I won. Theo, check the score again
            theo: Checked twice. Half a point. Bravo!
            unread: bo, ravi
            isla: Cake for the winner who bakes the cake
            jun: This is a logical problem
            yuki: Congratulations, Bo! That was a fine endgame
            """,
    ),
    Group(
        title="Roof party",
        members=(
            "ada",
            "bo",
            "chloe",
            "denise",
            "emeka",
            "grace",
            "isla",
            "kofi",
            "mei",
            "ngozi",
            "noor",
            "priya",
            "ravi",
            "sofia",
            "tomasz",
        ),
        admins=("tomasz", "priya"),
        notice="Saturday from seven, on the roof of Alder Court. Bring a cushion. If it rains: flat 4B.",
        talk="""
            6d 12:10
            ada: Everybody, all my worlds in one group! Roof party a week on Saturday. Who is in?
            bo: In. I'm bringing a lamp
            tomasz: I live here, so probably
            isla: Me too. I'll bring the long table
            ravi: In, if somebody carries my chair
            noor: I'll carry your chair
            sofia: We take the morning train! Chloé is with me
            chloe: With two kinds of cheese
            kofi: Three
            ngozi: There will be plantain
            grace: And a mother who goes home at ten
            emeka: And a father who does not

            5d 12:25
            mei: I can't come from that far, so send me photos please
            denise: I drive that night, but I'll ring the bell at eleven and you pass me a plate
            priya: Plate reserved
            ada: Tomasz and Priya know where everything is, so ask them
            unread: kofi
        """,
    ),
]
