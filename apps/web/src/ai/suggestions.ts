/** What an empty conversation offers to ask, and an empty gallery to draw: names of texts. */
export const chatSuggestions = ["hold", "entry", "haiku", "weekend"] as const;

export const imageSuggestions = ["harbour", "mountains", "city", "desert"] as const;
