/** What an empty conversation offers to ask, and an empty gallery to draw. */
export const chatSuggestions = [
  {
    title: "How does a hold work?",
    text: "How does a hold work, and what do I pay for when I stop an answer?",
  },
  { title: "Explain double entry", text: "Explain double-entry bookkeeping with a small example." },
  { title: "Write a haiku", text: "Write a haiku about a ledger that always balances." },
  { title: "Plan a weekend", text: "Plan an unhurried weekend in Kyoto." },
] as const;

export const imageSuggestions = [
  "A harbour at dusk with three sails",
  "Misty mountains above a pine forest",
  "A city skyline under a full moon",
  "Dunes in the desert at noon",
] as const;
