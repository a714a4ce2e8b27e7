"""The words of the small world: its tables (``lexicon``), its sentences (``english``, ``hanzi``), how Chinese sounds
(``pinyin``), how they speak up north (``dialect``), and how one asks about a story (``questions``)."""
