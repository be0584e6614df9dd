//! ScoreSum of texts as feeds bring them: how they are distributed, how many there are per day, and how they depend on each other.

use super::super::harness::random::Random;

/// ScoreSum are drawn in steps of 0.05, from -1 to 1.
const BINS: usize = 41;

/// How often the embedded engines give each score to the 6,436 company headlines of SEntFiN (of `headlines`, to each company
/// in them), in steps of 0.05; and the labels that people gave to the same companies.
const HEADLINES: [u32; BINS] = [
    525, 443, 294, 218, 170, 150, 117, 73, 56, 54, 49, 37, 60, 31, 61, 48, 65, 76, 117, 286, 1550, 468, 209, 142, 102,
    72, 56, 61, 57, 64, 59, 69, 77, 119, 123, 182, 205, 332, 427, 651, 641,
];
const LEXICON: [u32; BINS] = [
    0, 0, 1, 4, 10, 26, 22, 31, 43, 124, 87, 72, 119, 87, 205, 154, 57, 127, 57, 39, 2701, 52, 58, 57, 163, 125, 317,
    165, 387, 446, 136, 168, 121, 112, 73, 45, 31, 10, 4, 0, 0,
];
const LABELS: [u32; BINS] = {
    let mut bins = [0; BINS];
    (bins[0], bins[20], bins[40]) = (2295, 3252, 3049);
    bins
};
/// Texts of which six in seven say nothing.
const FLAT: [u32; BINS] = {
    let mut bins = [0; BINS];
    (bins[8], bins[20], bins[30], bins[36]) = (5, 85, 6, 4);
    bins
};

/// The scores of a kind of text, at any mean: the distribution is tilted, so that its scores stay the same and their shares
/// change, as when there is more bad news.
pub struct Distribution {
    pub name: &'static str,
    pub mean: f64,
    pub deviation: f64,
    /// The mean and the cumulative shares at each tilt.
    tilts: Vec<(f64, [f64; BINS])>,
}

fn score(bin: usize) -> f64 {
    (bin as f64 - 20.0) / 20.0
}

impl Distribution {
    pub fn all() -> [Self; 4] {
        [
            Self::new("headlines", &HEADLINES),
            Self::new("lexicon", &LEXICON),
            Self::new("labels", &LABELS),
            Self::new("flat", &FLAT),
        ]
    }

    fn new(name: &'static str, bins: &[u32; BINS]) -> Self {
        let tilted = |tilt: i32| {
            let shares: Vec<f64> =
                (0..BINS).map(|bin| f64::from(bins[bin]) * (f64::from(tilt) * 0.02 * score(bin)).exp()).collect();
            let all: f64 = shares.iter().sum();
            let mean = (0..BINS).map(|bin| shares[bin] / all * score(bin)).sum();
            let mut sum = 0.0;
            let cumulative = std::array::from_fn(|bin| {
                sum += shares[bin] / all;
                sum
            });
            (mean, cumulative)
        };
        let tilts: Vec<(f64, [f64; BINS])> = (-400..=400).map(tilted).collect();
        let mean = tilts[400].0;
        let all: f64 = bins.iter().copied().map(f64::from).sum();
        let variance: f64 = (0..BINS).map(|bin| f64::from(bins[bin]) / all * (score(bin) - mean).powi(2)).sum();
        Self { name, mean, deviation: variance.sqrt(), tilts }
    }

    /// The cumulative shares at a mean.
    fn at(&self, mean: f64) -> &[f64; BINS] {
        let index = self.tilts.partition_point(|(tilted, _)| *tilted < mean).min(self.tilts.len() - 1);
        &self.tilts[index].1
    }
}

fn uniform(random: &mut Random) -> f64 {
    (random.below(1 << 30) as f64 + 0.5) / f64::from(1 << 30)
}

fn normal(random: &mut Random) -> f64 {
    (-2.0 * uniform(random).ln()).sqrt() * (std::f64::consts::TAU * uniform(random)).cos()
}

fn poisson(rate: f64, random: &mut Random) -> u32 {
    if rate > 60.0 {
        return (rate + rate.sqrt() * normal(random)).round().max(0.0) as u32;
    }
    let (end, mut product, mut count) = ((-rate).exp(), uniform(random), 0);
    while product > end {
        product *= uniform(random);
        count += 1;
    }
    count
}

/// How the texts of an item come about.
#[derive(Clone, Copy)]
pub struct Noise {
    pub name: &'static str,
    /// The standard deviation of what all texts of a day have in common, and how much of it stays until the next day.
    pub day: f64,
    pub memory: f64,
    /// How many texts tell the same story with the same score, on average.
    pub copies: f64,
    /// How much the number of stories varies from day to day: the deviation of its logarithm.
    pub burst: f64,
    /// The share of texts that comes at weekends.
    pub weekend: f64,
    /// How many runs a day has.
    pub runs: usize,
    /// What is added to the mean of the distribution.
    pub tilt: f64,
    /// Whether each day has the same number of texts.
    pub regular: bool,
}

const PLAIN: Noise = Noise {
    name: "independent texts",
    day: 0.0,
    memory: 0.0,
    copies: 1.0,
    burst: 0.0,
    weekend: 1.0,
    runs: 1,
    tilt: 0.0,
    regular: false,
};

/// All kinds of noise, the plainest first.
pub const NOISES: [Noise; 8] = [
    PLAIN,
    Noise { name: "the same number of texts each day", regular: true, ..PLAIN },
    Noise { name: "an item with a mean 0.4 higher", tilt: 0.4, ..PLAIN },
    Noise { name: "bursts: 3 copies of each story", copies: 3.0, burst: 0.7, ..PLAIN },
    Noise { name: "few texts at weekends, a run per hour", weekend: 0.2, runs: 24, ..PLAIN },
    Noise { name: "good and bad days (0.15), half remembered", day: 0.15, memory: 0.5, ..PLAIN },
    Noise { name: "the same, 0.7 remembered", day: 0.15, memory: 0.7, ..PLAIN },
    Noise {
        name: "good and bad days (0.1), half remembered, a run per hour",
        day: 0.1,
        memory: 0.5,
        runs: 24,
        ..PLAIN
    },
];

/// The texts of an item, day by day.
pub struct Feed<'a> {
    pub noise: Noise,
    pub texts: &'a Distribution,
    pub per_day: f64,
    mood: f64,
    random: Random,
}

impl<'a> Feed<'a> {
    pub fn new(noise: Noise, texts: &'a Distribution, per_day: f64, seed: u64) -> Self {
        Self { noise, texts, per_day, mood: 0.0, random: Random::new(seed) }
    }

    /// The scores of each run of a day, if the mean has moved by this much.
    pub fn day(&mut self, day: i32, moved: f64) -> Vec<Vec<f64>> {
        let Self { noise, texts, per_day, mood, random } = self;
        *mood = noise.memory * *mood + (1.0 - noise.memory.powi(2)).sqrt() * noise.day * normal(random);
        let shares = texts.at((texts.mean + noise.tilt + moved + *mood).clamp(-0.97, 0.97));
        let weekend = if day.rem_euclid(7) >= 5 { noise.weekend } else { 1.0 };
        let burst = (noise.burst * normal(random) - noise.burst.powi(2) / 2.0).exp();
        let rate = *per_day * weekend * burst / noise.copies;
        let stories = if noise.regular { rate.round() as u32 } else { poisson(rate, random) };
        let mut runs = vec![Vec::new(); noise.runs];
        for _ in 0..stories {
            let share = uniform(random);
            let score = score(shares.partition_point(|sum| *sum < share).min(BINS - 1));
            let run = random.below(noise.runs);
            runs[run].push(score);
            while uniform(random) > 1.0 / noise.copies {
                runs[run].push(score);
            }
        }
        runs
    }
}
