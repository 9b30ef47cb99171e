"""Conversations in French, with some English among them. ``script`` explains how they are written down."""

from superapp.localdev.demo.script import Direct, Group

DIRECT = [
    Direct(
        asks="karim",
        answers="chloe",
        source="group",
        greeting="Salut, c'est Karim du club. Tu m'avais promis ton plan d'entraînement !",
        talk="""
            5w Mon 19:20
            chloe: Promis, je l'envoie ce soir. Tu vises quoi ?
            karim: Finir sans marcher
            chloe: C'est un très bon objectif
            karim: Et battre Lucas
            chloe: Ça, c'est un autre plan

            4w Wed 07:05
            karim: Tu as vu la pluie ?
            chloe: Quelle pluie ?
            karim: Chloé. Regarde par la fenêtre
            chloe: Ah. On dira que c'est rafraîchissant
            karim: Je mets ma casquette. 7 h 30 à l'écluse

            2w Sun 12:10
            chloe: 1 h 52 ! Tu as couru ton premier semi en 1 h 52 !
            karim: Je n'arrive plus à descendre les escaliers
            chloe: Normal. Descends à reculons
            karim: La voisine m'a vu. Elle a applaudi

            1d 20:30
            karim: On fait les côtes demain ?
            unread: chloe
            karim: Sinon tant pis, je dors
            karim: Non, je plaisante. 7 h 15, j'apporte le café
            """,
    ),
    Direct(
        asks="jeanne",
        answers="hugo",
        source="phone",
        greeting="C'est maman. J'ai réussi toute seule.",
        remarks={"hugo": "Maman", "jeanne": "Mon Hugo"},
        talk="""
            6w Sun 16:00
            hugo: Bravo ! Tu vois, ce n'était pas compliqué
            jeanne: Il m'a fallu une heure et ton père
            hugo: C'est toi qui écris ou lui ?
            jeanne: Moi. Lui, il tient les lunettes

            4w Fri 18:45
            jeanne: Tu viens dimanche ? Je fais un gratin
            hugo: Je peux venir avec Linh et Margaux ?
            jeanne: Bien sûr, je fais deux gratins
            hugo: On apporte le dessert
            jeanne: Apportez surtout de l'appétit

            2w Thu 19:10
            jeanne: J'ai retrouvé ta boîte de petites voitures au grenier
            hugo: Ne la donne pas !
            jeanne: Jamais de la vie. Ton père joue avec

            2d 18:20
            jeanne: Il fait froid à Paris ? Tu mets l'écharpe ?
            hugo: Je mets l'écharpe, maman
            jeanne: Envoie une photo
            hugo: Demain, promis
            """,
    ),
    Direct(
        asks="margaux",
        answers="linh",
        source="phone",
        greeting="Coucou c'est Margaux, ta future coloc si tu veux bien de mon chat",
        talk="""
            6w Sat 15:30
            linh: Je veux surtout du chat
            margaux: Il s'appelle Biscotte et il dort dans l'évier
            linh: On s'entendra très bien, je ne fais jamais la vaisselle

            4w Tue 13:05
            margaux: Biscotte est sur ton clavier, je crois qu'il a envoyé un mail
            linh: À qui ??
            margaux: Objet : « jjjjjjj ». Il est resté dans les brouillons
            linh: Garde-le, c'est mon meilleur texte de la semaine

            5d 22:10
            margaux: J'ai mon concert jeudi en quinze, tu viens ?
            linh: Au premier rang avec une pancarte
            margaux: Pas de pancarte
            linh: Une toute petite pancarte
            """,
    ),
    Direct(
        asks="aminata",
        answers="ines",
        source="group",
        greeting="C'est Aminata, la lente du groupe du dimanche :)",
        talk="""
            4w Sun 14:30
            ines: Lente ? Tu parles tout le long sans être essoufflée !
            aminata: C'est mon secret, je raconte pour ne pas sentir mes jambes
            ines: Alors continue, moi non plus je ne les sens plus

            2w Mon 21:00
            aminata: Je suis de garde dimanche, je ne pourrai pas courir
            ines: Courage ! On boira un chocolat à ta santé
            aminata: Deux, s'il vous plaît. La nuit sera longue

            3d 19:40
            ines: Tu avais raison pour les chaussures, plus mal au genou du tout
            aminata: Le médecin en moi est ravi, la coureuse aussi
            """,
    ),
    Direct(
        asks="lucas",
        answers="kofi",
        source="qr",
        greeting="Salut Kofi, ici Lucas. Tu cours à quelle allure ?",
        talk="""
            7w Fri 18:10
            kofi: Bonjour Lucas! Five thirty per kilometre if there's a café at the end
            lucas: Il y a toujours un café à la fin
            kofi: Then five fifteen
            lucas: Tu peux m'écrire en anglais, je réponds en français, comme ça on apprend tous les deux
            kofi: Parfait. That's all the French I had

            3w Tue 19:30
            lucas: Une question au kiné : mollet dur depuis trois jours
            kofi: Calf raises, slowly, twice a day. And stop racing Karim up the bridge
            lucas: Il t'a raconté ?
            kofi: Everybody saw it, Lucas

            4d 20:05
            kofi: J'ai compris toute la conversation du dimanche !
            lucas: Bravo ! Même la blague d'Inès ?
            kofi: No. Nobody understood the joke
            """,
    ),
]

GROUPS = [
    Group(
        title="Les coureurs du canal",
        members=("lucas", "chloe", "karim", "ines", "aminata", "kofi", "sofia"),
        talk="""
            6w Mon 19:00
            lucas: Bienvenue à tous ! Rendez-vous chaque dimanche à 9 h à l'écluse
            lucas: 8 à 10 km, personne n'est laissé derrière
            chloe: Sauf Karim
            karim: J'ai tout entendu
            aminata: Moi je ferme la marche et je raconte des histoires
            ines: Alors je cours à l'arrière
            kofi: Hi everyone! My French is slow but my legs are fine
            sofia: Ciao ! Moi c'est l'inverse

            6w Sun 11:20
            chloe: Merci pour ce matin, quel soleil !
            kofi: Great group. I learned "doucement" and "encore un pont"
            karim: Ce sont les deux mots les plus importants
            sofia: Les croissants du retour étaient très bons. Un peu trop cuits, mais très bons
            ines: Sofia note tous les croissants de Paris
            sofia: C'est mon métier !

            5w Sat 18:15
            lucas: Demain on part vers le parc, petit dénivelé. Prenez de l'eau
            aminata: Petit comment ?
            lucas: Petit comme une colline
            aminata: Donc grand

            5w Sun 12:05
            lucas: [trail]
            lucas: Voilà ce que vous avez raté, les dormeurs
            kofi: Beautiful! I was asleep and I regret nothing
            ines: Moi je regrette un peu
            chloe: Le sentier était magique, avec la brume

            4w Thu 12:40
            karim: Qui fait le semi avec moi ?
            chloe: Moi, si tu promets de ne pas partir comme une fusée
            karim: Je promets d'essayer
            lucas: Je viens vous encourager avec une cloche
            ines: La cloche de vache ?
            lucas: La cloche de vache

            3w Sun 11:45
            sofia: Je reviens de Londres ce soir, je vous rapporte des biscuits
            aminata: Tu travailles même en vacances
            sofia: La pâtisserie n'est pas un travail, c'est une maladie
            aminata: En tant que médecin, je confirme

            2w Sun 12:30
            lucas: 1 h 52 pour Karim, 1 h 47 pour Chloé. Bravo les deux !
            kofi: Legends! How are the legs?
            karim: Quelles jambes ?
            ines: On a entendu la cloche jusqu'à l'arrivée
            aminata: Glace, eau, sieste. Ordre du médecin
            chloe: Merci d'être venus, ça m'a portée jusqu'au bout

            4d 18:50
            lucas: Dimanche, parcours tout plat pour les blessés et les vainqueurs
            karim: Je suis les deux
            kofi: Flat is my favourite hill
            sofia: J'apporte des madeleines, dites-moi combien on est
            ines: Avec les madeleines, on sera tous là

            1d 19:10
            chloe: Qui veut partir un peu plus tôt ? 8 h 30 à l'écluse
            unread: sofia, aminata
            ines: Moi !
            kofi: Me too, if someone wakes me up
            lucas: On t'appellera avec la cloche
            """,
    ),
    Group(
        title="La coloc du quatrième",
        members=("hugo", "linh", "margaux"),
        talk="""
            6w Sun 20:15
            hugo: Groupe créé ! Première question : qui a la clé de la cave ?
            linh: Il y a une cave ?
            margaux: Il y a une clé ?
            hugo: Bon. Ça commence bien

            5w Wed 19:30
            margaux: Le chat a mangé la plante
            linh: Laquelle ?
            margaux: Celle qui était « indestructible »
            hugo: On en achète une en plastique
            margaux: Il mangera aussi le plastique

            4w Sun 18:00
            linh: Le gratin de ta mère, Hugo. J'en rêve déjà
            margaux: Elle m'a donné la recette ! Enfin, elle m'a dit « au pif »
            hugo: C'est toute la recette. Elle cuisine au pif depuis quarante ans

            3w Fri 17:45
            hugo: Qui rentre tôt ? Le réparateur passe pour le four
            linh: Moi, vers 18 h
            hugo: Dis-lui qu'il chauffe seulement à gauche
            linh: Le four ou le réparateur ?

            3w Fri 19:20
            linh: Réparé ! Il chauffe à droite maintenant
            margaux: Donc on a eu les deux côtés, une semaine chacun
            linh: Je rigole, il chauffe partout

            2w Tue 20:40
            margaux: Jeudi c'est moi qui cuisine
            hugo: Au pif ?
            margaux: Évidemment

            3d 21:10
            hugo: Loyer envoyé, il me faut vos parts avant vendredi
            linh: C'est fait
            margaux: Fait aussi, avec un cœur dans le motif
            hugo: Le banquier va se poser des questions

            1d 20:05
            linh: J'ai trouvé la clé de la cave !
            unread: margaux
            linh: Elle était dans la boîte à thé
            hugo: Depuis quand on a une boîte à thé ?
            """,
    ),
]
