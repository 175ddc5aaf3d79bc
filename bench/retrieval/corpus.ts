/**
 * Documents about places that do not exist, some 25 KB each, and questions with known answers. Every place has the same
 * kinds of facts, each one sentence, between two that tell more of the same matter, in a section of some 2.5 KB; so there are
 * as many sentences alike as there are places; what is asked says it in other words than the document does, and names the place. All of it follows from a seed.
 */

export interface CorpusDocument {
  name: string;
  text: string;
}

export interface Question {
  question: string;
  /** the document that has the answer, and the sentence that gives it */
  source: string;
  sentence: string;
}

interface Place {
  name: string;
  kind: (typeof KINDS)[number];
}

/** What may be asked: how a document says it, how people ask it, and what the answer may be. */
interface Relation {
  section: string;
  /** what is said of it besides, before and after; the answer is not in it */
  around: [before: string, after: string];
  says: string[];
  asks: string[];
  value(random: Random): string;
}

type Random = () => number;

const KINDS = [
  'lighthouse',
  'watermill',
  'observatory',
  'theatre',
  'shipyard',
  'orchard',
  'quarry',
  'library',
  'railway',
  'monastery',
] as const;
const SECTIONS = [
  'Origins',
  'The building',
  'People',
  'Money',
  'Visitors',
  'Daily work',
  'Surroundings',
  'Incidents',
  'Collections',
  'Today',
];
const STARTS = 'Var Lum Ost Kel Bran Mir Tov Sel Dor Fen Hal Ir Jor Nys Pel Quin Ras Tam Ul Wex'.split(' ');
const ENDS = 'holm mere stad wick ford den ley moor by nes gard vik thorpe heim bury haven'.split(' ');
const FIRST =
  'Ada Bruno Clara Desmond Edith Fabian Greta Hugo Ines Jonas Karla Leopold Mathilda Nestor Olive Piet Rosa Silas Thea Ulrich'.split(
    ' ',
  );
const LAST =
  'Abernethy Blomqvist Castellan Drummond Eskildsen Farrow Gruber Hallorsen Ivarsson Janek Kowal Lindqvist Marchetti Novak Okafor Prentice'.split(
    ' ',
  );
const ANIMALS = [
  'a one-eyed goat',
  'two grey parrots',
  'a tame otter',
  'an old mule',
  'three white geese',
  'a blind terrier',
  'a raven',
  'a tortoise',
];
const STONES = [
  'red sandstone',
  'black basalt',
  'pale limestone',
  'larch timber',
  'glazed brick',
  'green slate',
  'poured concrete',
  'river cobbles',
];
const CAUSES = [
  'a fire in the boiler room',
  'an outbreak of typhus',
  'a quarrel over the lease',
  'the flood of that spring',
  'the lack of coal',
  'a strike of the carters',
];
const DISHES = [
  'eel pie',
  'rye dumplings',
  'quince jelly',
  'smoked trout',
  'barley soup',
  'plum bread',
  'pickled walnuts',
];
const GIVERS = [
  'a brewer',
  'the widow of a spice trader',
  'a retired admiral',
  'a guild of weavers',
  'a lottery',
  'a soap manufacturer',
];

const RELATIONS: Relation[] = [
  {
    section: 'Origins',
    around: [
      'Before that there had been nothing but a fence and a sign.',
      'The ceremony was short, for it rained, and the band went home early.',
    ],
    says: ['The first stone was laid in {v}.', 'Work on the site began in {v}.', 'The foundation dates from {v}.'],
    asks: ['How old is {name}: when did construction start?', 'What year were the beginnings of {name}?'],
    value: (random) => String(1600 + Math.floor(random() * 300)),
  },
  {
    section: 'Money',
    around: [
      'The donor never came to see what the gift had become.',
      'In return a name was carved above the door, with a spelling mistake.',
    ],
    says: [
      'The whole sum came from {v}.',
      'It was {v} that paid for everything.',
      'Every penny of the cost was borne by {v}.',
    ],
    asks: ['Who financed {name}?', 'Whose fortune covered the expense of erecting {name}?'],
    value: (random) => pick(random, GIVERS),
  },
  {
    section: 'The building',
    around: [
      'It came by barge and was hauled up the bank by oxen.',
      'In the evening light it glows, which is why painters sit there.',
    ],
    says: ['The outer walls are of {v}.', 'Its facade was put up in {v}.', 'For the shell the masons chose {v}.'],
    asks: [
      'Which material is the exterior of {name} made from?',
      'What do you see on the outside of {name}, what is it clad in?',
    ],
    value: (random) => pick(random, STONES),
  },
  {
    section: 'Incidents',
    around: [
      'The gates were chained, and the staff were sent home without pay.',
      'When it was over, people lined the road and cheered.',
    ],
    says: [
      'For a whole year the doors stayed shut because of {v}.',
      'It stood idle for twelve months after {v}.',
      'What brought everything to a halt was {v}.',
    ],
    asks: ['Why was {name} closed for a time?', 'What was the reason that {name} had to suspend its activity?'],
    value: (random) => pick(random, CAUSES),
  },
  {
    section: 'Daily work',
    around: [
      'Guests were warned not to feed it, and did so anyway.',
      'It slept by the stove and had its own line in the accounts.',
    ],
    says: [
      'The staff shared the yard with {v}.',
      'Everybody there still talks of {v}, who had the run of the place.',
      'The last keeper left behind {v}.',
    ],
    asks: ['Which animal lived at {name}?', 'Did they have a pet at {name}?'],
    value: (random) => pick(random, ANIMALS),
  },
  {
    section: 'People',
    around: [
      'Nothing was bought, built or cooked without that signature.',
      'At the farewell, three successors applied, and none of them stayed.',
    ],
    says: [
      'For forty years the keys were held by {v}.',
      'No one shaped it more than its longest-serving head, {v}.',
      'From the beginning it was run by {v}.',
    ],
    asks: ['Who was in charge of {name} for decades?', 'What is the name of the person who led {name} the longest?'],
    value: (random) => `${pick(random, FIRST)} ${pick(random, LAST)}`,
  },
  {
    section: 'Visitors',
    around: [
      'The queue went down to the river, and the lemonade ran out by noon.',
      'No season since has come near that figure.',
    ],
    says: [
      'In the best summer {v} people bought a ticket.',
      'The record stands at {v} guests in one season.',
      'The turnstile counted {v} in its busiest year.',
    ],
    asks: ['What is the highest attendance {name} ever had?', 'How many tourists came to {name} at its peak?'],
    value: (random) => `${2 + Math.floor(random() * 90)},${100 + Math.floor(random() * 899)}`,
  },
  {
    section: 'Collections',
    around: [
      'It lies in a flat box lined with felt, and is shown on request.',
      'Scholars write for copies of it, and wait for weeks.',
    ],
    says: [
      'The oldest piece is registered under {v}.',
      'In the inventory it has the number {v}.',
      'The founding deed is kept as item {v}.',
    ],
    asks: ['Where is the object with the catalogue number {v} kept?', 'What is {v}?'],
    value: (random) => `${pick(random, ['KX', 'QF', 'ZB', 'VN'])}-${1000 + Math.floor(random() * 8999)}`,
  },
  {
    section: 'Today',
    around: ['It is made from a recipe that nobody writes down.', 'Those who come late find the pots scraped clean.'],
    says: [
      'At the yearly feast they serve {v}.',
      'What people come back for is the {v}.',
      'The kitchen is known far around for its {v}.',
    ],
    asks: ['Which speciality can one eat at {name}?', 'What food is {name} famous for?'],
    value: (random) => pick(random, DISHES),
  },
  {
    section: 'Surroundings',
    around: [
      'The air is thin enough that kettles boil early.',
      'A brass bolt in the rock marks the level to which the figure refers.',
    ],
    says: [
      'The summit behind it rises to {v} metres.',
      'It lies {v} metres above the sea.',
      'A surveyor put the spot at {v} metres of elevation.',
    ],
    asks: ['What is the altitude of {name}?', 'How high up is {name} situated?'],
    value: (random) => String(20 + Math.floor(random() * 2400)),
  },
];

/** What else is said in a section: nothing of it is asked. */
const FILLER: Record<string, string[]> = {
  Origins: [
    'Nobody agrees on who drew the first plans, and the archive is silent on it.',
    'A charter of {year} mentions a hut on the same spot, used by shepherds of {other}.',
    '{person} wrote that the idea was born over a game of cards.',
    'The ground had belonged to the parish of {other}, which gave it up with a heavy heart.',
    'An older structure nearby had burned down in {year} and was never replaced.',
    'Legend has it that a shepherd dreamed of the place three nights in a row.',
    'The mayor of the time is said to have chosen the spot with a thrown hat.',
    'Maps of {year} show nothing there but reeds.',
  ],
  'The building': [
    'The roof was mended more often than anybody cared to write down.',
    'A second wing was planned by {person} and never finished.',
    'The stairs are steep, and the handrail is worn to a shine.',
    'Its windows face north, which painters liked and accountants did not.',
    'The floor of the east room was laid from the planks of a wrecked barge.',
    'In {year} the tower was measured again, and found to be shorter than everyone believed.',
    'The beams of the attic carry the marks of a carpenter from {other}.',
    'A spiral of iron leads down to a cellar that is always cold.',
  ],
  People: [
    '{person} kept a diary, of which eleven volumes survive.',
    '{person} and {person} fell out over the colour of the gate.',
    'A plaque by the door remembers {person}, who taught here without pay.',
    'The apprentices slept above the stable and were paid in shoes.',
    'Most families of {other} had an uncle or an aunt who worked there.',
    'When {person} returned from abroad, the cellar was turned into a workshop.',
    'Photographs show the staff in two rows, with the cook in the middle.',
    'In {year} the women who worked there asked for the same wage, and got it.',
  ],
  Money: [
    'After the reform of {year} the accounts had to be kept in a new currency.',
    'The bank of {other} refused a second loan.',
    'A ledger of {year} lists candles, nails and very little else.',
    'Wages were paid on Saturdays, in coins that were counted twice.',
    'The treasurer, {person}, slept with the cash box under the bed.',
    'A tax on lamp oil nearly ended it all in {year}.',
    'Shares were printed, and most of them now hang framed in kitchens.',
    'The insurance against hail turned out to exclude hail.',
  ],
  Visitors: [
    'Schoolchildren of the district were brought here each spring to draw what they saw.',
    'The guest book of {year} was stolen and came back by post from {other}.',
    'Sunday guests brought blankets and stayed until the lamps were lit.',
    'A guide named {person} told every group a different story.',
    'The first postcards were printed in {year}, in the wrong colours.',
    'Coaches from {other} stop for half an hour and buy honey.',
    'A sign at the door asks everyone to wipe their boots.',
    'Travellers compared it with its rival at {other}, seldom to its advantage.',
  ],
  'Daily work': [
    'Two clocks hang in the hall, and they have never shown the same time.',
    'The morning began at five, with a bell and a bowl of porridge.',
    'Water had to be carried up from the valley in barrels.',
    'The tools on the wall were made by the smith of {other}.',
    'In the evening somebody read aloud while the others mended sacks.',
    'Electric light came in {year}, a telephone twenty years later.',
    'A rota by {person} tells who swept the yard on which day.',
    'Boots were dried on a rack above the stove, in order of rank.',
  ],
  Surroundings: [
    'Snow closes the upper path from December to March.',
    'The road from {other} was paved only in {year}, and until then every load came by water.',
    'Swallows nest under the eaves, and the scaffolding is taken down for them.',
    'The garden wall leans, and has done so for as long as there are pictures of it.',
    'From the bench one sees the roofs of {other} and, on clear days, the sea.',
    'Beeches stand on the slope, planted by {person} in a single winter.',
    'The brook changed its bed in {year} and has not come back.',
    'In the meadows below, orchids flower in the first week of June.',
  ],
  Incidents: [
    'A commission from {other} came to look at the drains and left without a report.',
    'In {year} lightning struck the weathercock, which has pointed east ever since.',
    'A cow fell through the ice and was pulled out with the bell rope.',
    'An inspector noted that the stairs were steep and the tea was cold.',
    'Thieves took the copper of the gutters in {year}, and nothing else.',
    'The bell was cast twice, since the first one cracked in the frost.',
    '{person} was locked in by mistake and spent a night with the stuffed birds.',
    'A runaway cart from {other} took the gate with it.',
  ],
  Collections: [
    'Much was lost when the papers were moved to {other}.',
    'The glass cases were made in {year} and let in the dust.',
    'A drawer of labels has no objects, and a box of objects has no labels.',
    '{person} left a herbarium of mosses, each with a date.',
    'The map room smells of pepper, against the moths.',
    'A copper globe shows an island that is not there.',
    'Students from {other} began a list of everything and stopped at the letter K.',
    'The letters are tied with ribbon and sorted by the colour of the ink.',
  ],
  Today: [
    'The choir of the village rehearses in the former stable.',
    'The cooperative of {other} rents the long shed for a few seasons.',
    'A society of friends meets there on the first Monday of each month.',
    'Since {year} a foundation looks after the roof.',
    'The shop sells soap, calendars and a book by {person}.',
    'Weddings are held in the great hall, if the heating allows.',
    'A grant for new windows was asked for in {year}, and is still being considered.',
    'Volunteers from {other} scrape the shutters every second summer.',
  ],
};

export function corpus(documents: number, questions: number): { documents: CorpusDocument[]; questions: Question[] } {
  const random = mulberry32(4_100);
  const places = placesOf(documents);
  const asked: Question[] = [];
  const made = places.map((place, index): CorpusDocument => {
    const name = `${place.kind}-${place.name.toLowerCase()}.md`;
    const facts = RELATIONS.map((relation) => {
      const value = relation.value(random);
      const sentence = pick(random, relation.says).replace('{v}', value);
      const question = pick(random, relation.asks).replaceAll('{name}', `the ${place.kind} of ${place.name}`);
      const passage = [relation.around[0], sentence, relation.around[1]].join(' ');
      return { section: relation.section, passage, sentence, question: question.replace('{v}', value) };
    });
    // One in so many documents is asked about, each time another fact.
    const every = documents / questions;
    if (Math.floor((index + 1) / every) > Math.floor(index / every)) {
      const { question, sentence } = facts[asked.length % facts.length]!;
      asked.push({ question, sentence, source: name });
    }
    return { name, text: documentText(place, facts, places, random) };
  });
  return { documents: made, questions: asked };
}

function documentText(
  place: Place,
  facts: { section: string; passage: string }[],
  places: Place[],
  random: Random,
): string {
  const title = `The ${place.kind} of ${place.name}`;
  const sections = SECTIONS.map((section) => {
    const sentences = Array.from({ length: 32 }, (_, index) => fillerSentence(place, section, places, random, index));
    const fact = facts.find((one) => one.section === section);
    if (fact) sentences.splice(Math.floor(random() * sentences.length), 0, fact.passage);
    const paragraphs = Array.from({ length: 4 }, (_, index) => sentences.slice(index * 9, (index + 1) * 9).join(' '));
    return `## ${section}\n\n${paragraphs.filter(Boolean).join('\n\n')}`;
  });
  return `# ${title}\n\n${sections.join('\n\n')}\n`;
}

/** The place is named now and then, and others are too. */
function fillerSentence(place: Place, section: string, places: Place[], random: Random, index: number): string {
  const sentence = pick(random, FILLER[section]!)
    .replaceAll('{year}', () => String(1700 + Math.floor(random() * 300)))
    .replaceAll('{other}', () => pick(random, places).name)
    .replaceAll('{person}', () => `${pick(random, FIRST)} ${pick(random, LAST)}`);
  return index % 8 === 0 ? `At the ${place.kind} of ${place.name} it was no different. ${sentence}` : sentence;
}

function placesOf(count: number): Place[] {
  const names = STARTS.flatMap((start) => ENDS.map((end) => `${start}${end}`));
  return Array.from({ length: count }, (_, index) => ({
    name: names[(index * 7) % names.length]!,
    kind: KINDS[(index + Math.floor(index / KINDS.length)) % KINDS.length]!,
  }));
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!;
}

/** Numbers 0..1 that follow from a seed: mulberry32, by Tommy Ettinger, public domain. */
function mulberry32(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
