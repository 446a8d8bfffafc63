//! Words for generated orders: enough that they compress like real orders, and no more.

use crate::stamps;

/// Words of one kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) words: &'static [&'static str],
}

/// Finds a pool by name.
pub(crate) fn find(name: &str) -> Option<&'static Pool> {
    POOLS.iter().find(|pool| pool.name == name)
}

/// Pseudo-random numbers: the same in every run, and incompressible.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let at = self.below(words.len() as u64);
        words[usize::try_from(at).unwrap_or_default()]
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The upper half of the product: cheaper than a division, because senders draw for every order.
        let scaled = (u128::from(self.next()) * u128::from(end)) >> 64;
        u64::try_from(scaled).unwrap_or_default()
    }

    pub(crate) fn digit(&mut self) -> u8 {
        b'0' + u8::try_from(self.below(10)).unwrap_or_default()
    }

    /// SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stamps::mix(self.0)
    }
}

static POOLS: &[Pool] = &[
    Pool {
        name: "first",
        words: &[
            "Adele",
            "Agnes",
            "Albert",
            "Amara",
            "Anders",
            "Anna",
            "Arthur",
            "Beatrice",
            "Bjorn",
            "Carla",
            "Charlotte",
            "Daniel",
            "David",
            "Edith",
            "Elena",
            "Elsa",
            "Erik",
            "Florence",
            "Frances",
            "George",
            "Grace",
            "Hannah",
            "Harriet",
            "Henry",
            "Ida",
            "Ingrid",
            "Isaac",
            "James",
            "Jonas",
            "Julia",
            "Karin",
            "Kwame",
            "Laura",
            "Leon",
            "Lucy",
            "Magnus",
            "Marta",
            "Matilda",
            "Mohammed",
            "Nadia",
            "Nora",
            "Oliver",
            "Olivia",
            "Oscar",
            "Patrick",
            "Priya",
            "Rachel",
            "Robert",
            "Rosa",
            "Samuel",
            "Sara",
            "Simon",
            "Sofia",
            "Stefan",
            "Theo",
            "Thomas",
            "Tove",
            "Ursula",
            "Victor",
            "Walter",
            "William",
            "Yara",
            "Yusuf",
            "Zoe",
        ],
    },
    Pool {
        name: "last",
        words: &[
            "Abbott",
            "Ahmed",
            "Andersson",
            "Bailey",
            "Bennett",
            "Berg",
            "Brown",
            "Carter",
            "Clarke",
            "Collins",
            "Cooper",
            "Dahl",
            "Davies",
            "Diaz",
            "Edwards",
            "Ellis",
            "Evans",
            "Fischer",
            "Foster",
            "Garcia",
            "Gibson",
            "Green",
            "Hall",
            "Hansen",
            "Harris",
            "Hughes",
            "Ivanova",
            "Jackson",
            "Jensen",
            "Johansson",
            "Jones",
            "Kaur",
            "Kelly",
            "Khan",
            "Larsen",
            "Lewis",
            "Lindberg",
            "Martin",
            "Mason",
            "Mitchell",
            "Moore",
            "Murphy",
            "Nguyen",
            "Nilsson",
            "Okafor",
            "Palmer",
            "Parker",
            "Patel",
            "Quinn",
            "Reid",
            "Roberts",
            "Rossi",
            "Schmidt",
            "Scott",
            "Shaw",
            "Silva",
            "Smith",
            "Taylor",
            "Thompson",
            "Turner",
            "Walker",
            "White",
            "Wilson",
            "Young",
        ],
    },
    Pool {
        name: "mail",
        words: &[
            "example.com",
            "example.net",
            "example.org",
            "mail.example.com",
            "post.example.net",
            "home.example.org",
            "inbox.example.com",
        ],
    },
    Pool {
        name: "title",
        words: &["Mr", "Mrs", "Ms", "Miss", "Dr"],
    },
    Pool {
        name: "postcode",
        words: &[
            "LS1 4DY", "M4 1HQ", "SW1A 1AA", "EH1 1BQ", "BS1 5TR", "CF10 1BH", "G2 1DY", "B1 1HQ",
            "NE1 4ST", "L1 8JQ", "BT1 5GS", "OX1 3PN", "CB2 1TN", "NG1 5FS", "S1 2HE", "YO1 7HH",
            "BN1 1EE", "PL1 2AA", "AB10 1AN", "IV1 1HY", "N1 9GU", "E8 3DL", "SE15 4QN", "W2 4RH",
        ],
    },
    Pool {
        name: "street",
        words: &[
            "High Street",
            "Station Road",
            "Harbour Lane",
            "Church Road",
            "Mill Lane",
            "Queen Street",
            "King Street",
            "Park Avenue",
            "Victoria Road",
            "Green Lane",
            "Bridge Street",
            "Quay Street",
            "Market Place",
            "School Lane",
            "North Road",
            "West Street",
            "Orchard Way",
            "Castle Hill",
            "Storgatan",
            "Kungsgatan",
            "Queens Drive",
            "Marine Parade",
            "Ferry Road",
            "Beach Road",
        ],
    },
    Pool {
        name: "city",
        words: &[
            "Leeds",
            "Manchester",
            "London",
            "Edinburgh",
            "Bristol",
            "Cardiff",
            "Glasgow",
            "Birmingham",
            "Newcastle",
            "Liverpool",
            "Belfast",
            "Oxford",
            "Cambridge",
            "Nottingham",
            "Sheffield",
            "York",
            "Brighton",
            "Plymouth",
            "Aberdeen",
            "Inverness",
            "Malmo",
            "Uppsala",
            "Auckland",
            "Wellington",
            "Napier",
            "Dunedin",
            "Nelson",
            "Tauranga",
        ],
    },
    Pool {
        name: "sku",
        words: &[
            "KET", "LMP", "CHR", "TBL", "RUG", "MUG", "PAN", "POT", "BED", "SOF", "CUS", "CUR",
            "MIR", "CLK", "VAS", "BOX", "SHV", "DSK", "TOY", "BAG", "HAT", "COT", "SHO", "BLT",
            "SCF", "GLV", "UMB", "WAT", "RNG", "BKT", "TIS", "KUN", "KIM", "DIM", "SET", "KOT",
            "COS", "LIT", "KIT", "NAS", "HAL", "CES", "DET", "KIR", "LOM", "SUT", "GIP", "DUS",
            "GOM", "ROT", "SAK", "GOK", "TIP", "ROR", "CEN", "LUS", "HIM", "SIK", "MUT", "HOR",
            "LUM", "ZAN", "TOS", "DOK", "VUK", "PAM", "HES", "RUK", "TIR", "SEK", "FIM", "NET",
            "KOK", "LOP", "HUP", "VEK", "FAS", "POL", "KEN", "BIN", "CER", "GEM", "FER", "NES",
            "VAT", "SOR", "SOL", "NOL", "FET", "MAM", "HOP", "CEL", "MIL", "ZEM", "WIR", "CAS",
            "FAP", "VIN", "GOT", "WON",
        ],
    },
    Pool {
        name: "colour",
        words: &[
            "black", "white", "red", "blue", "green", "grey", "yellow", "brown", "orange",
            "purple", "navy", "olive", "cream", "silver", "copper", "teal",
        ],
    },
];
