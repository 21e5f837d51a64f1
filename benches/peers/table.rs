//! The one table at the end: what was measured, the goal, and whether it was met

use crate::measure::Cost;

/// What a figure has to be
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Reported, not judged
    None,
}

struct Line {
    name: String,
    figure: String,
    goal: String,
    verdict: &'static str,
    cost: Option<Cost>,
    note: String,
}

#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

impl Table {
    /// `figure` is judged; `unit` follows it
    pub fn add(&mut self, name: &str, figure: f64, unit: &str, goal: Goal, cost: Option<Cost>, note: &str) {
        let (goal, met) = match goal {
            Goal::AtLeast(least) => (format!(">= {least}{unit}"), Some(figure >= least)),
            Goal::AtMost(most) => (format!("<= {most}{unit}"), Some(figure <= most)),
            Goal::None => (String::new(), None),
        };
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let figure = if figure.abs() >= 1000.0 { format!("{figure:.0}{unit}") } else { format!("{figure:.2}{unit}") };
        eprintln!("   {name}: {figure} {goal} {verdict} {note}");
        self.lines.push(Line { name: name.into(), figure, goal, verdict, cost, note: note.into() });
    }

    /// Something that could not be measured, and why
    pub fn missing(&mut self, name: &str, reason: &str) {
        let note = reason.lines().next().unwrap_or_default().chars().take(100).collect();
        eprintln!("   {name}: not measured: {reason}");
        let (figure, goal) = ("-".to_owned(), String::new());
        self.lines.push(Line { name: name.into(), figure, goal, verdict: "missing", cost: None, note });
    }

    pub fn print(&self, quick: bool, rounds: usize) {
        let width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        println!(
            "\n{:width$}  {:>12}  {:>10}  {:7}  {:>7} {:>7} {:>7} {:>6}  note",
            "what", "figure", "goal", "verdict", "wall s", "client", "server", "other"
        );
        for line in &self.lines {
            let cost = line.cost.map_or(format!("{:30}", ""), |c| {
                format!("{:7.2} {:7.2} {:7.2} {:5.0}%", c.wall, c.client, c.server, 100.0 * c.other / c.wall.max(1e-9))
            });
            println!(
                "{:width$}  {:>12}  {:>10}  {:7}  {cost}  {}",
                line.name, line.figure, line.goal, line.verdict, line.note
            );
        }
        println!(
            "\nfigures are medians of {rounds} round(s); ratios are medians of the rounds' own ratios; client and server: \
             CPU seconds; other: CPU of neighbours, in % of a core: above 20 % the machine was disturbed"
        );
        if quick {
            println!("--quick: a tenth of the rows; too small to judge, good to see that everything runs");
        }
    }
}
