/** What the demo model says. */
export interface DemoAnswer {
  reasoning?: string;
  text: string;
}

export interface AnswerManner {
  /** Thinks aloud first. */
  reasons?: boolean;
  /** Says only the beginning. */
  isBrief?: boolean;
}

/** Of an answer's paragraphs, those that a brief model says. */
const briefParagraphs = 3;

/** The canned answer that fits a message best; the same message always gets the same one. */
export function demoAnswer(message: string, { reasons, isBrief }: AnswerManner): DemoAnswer {
  const topic = [...topics, chineseTopic].find(({ about }) => about.test(message)) ?? otherTopic;
  const paragraphs = topic.text.trim().split("\n\n");
  const text = (isBrief ? paragraphs.slice(0, briefParagraphs) : paragraphs).join("\n\n");
  return { text, ...(reasons && { reasoning: topic.reasoning.trim() }) };
}

interface Topic {
  about: RegExp;
  reasoning: string;
  text: string;
}

const topics: readonly Topic[] = [
  {
    about: /\b(hold|held|stop|reserve|set aside|pay for)/i,
    reasoning: `
The question is about money that is set aside before the amount is known. A comparison that everybody has met helps: the deposit that a hotel or a petrol pump blocks on a card. Then the four endings, each in a sentence: the work finishes, it is stopped, it fails, or nobody comes back. The part about stopping matters most here, because there is a stop button right below the answer.`,
    text: `
A **hold** sets credits aside before the work begins, because what an answer costs is known only once it has been written. It is what a petrol pump does with your card: it blocks a round sum first, and charges what went into the tank.

Here is how a hold can end:

- **The answer is finished.** What its tokens cost is charged, and the rest of the hold is yours again at once.
- **You press stop.** The tokens that were written until then are charged, and nothing more. Try it now: the cost below this answer will be smaller.
- **The model fails before it says anything.** Nothing is charged.
- **Nobody comes back.** A server may lose its power in the middle of a sentence. After fifteen minutes the hold ends by itself, and the credits are free.

While a hold is open, its credits can be neither spent a second time nor expire under your feet. That is why a message you cannot pay for is refused **before** the model is called: you are never surprised by a bill, and the model never works for nothing.

In the books a hold leaves no trace of its own. What you see in your history is the settlement: one row, with exactly what the answer cost.`,
  },
  {
    about: /\b(poem|haiku|verse|rhyme|story)\b/i,
    reasoning: `
A short poem about something dry. Three haiku would suit: one about spending, one about waiting, one about the balance. Five, seven, five. A closing remark may point to the craft, without explaining the joke away.`,
    text: `
Three haiku for an honest ledger:

*Twenty credits, new.*
*One question leaves the harbour;*
*seventeen come home.*

*A hand on the coin,*
*not spent, and not free to go:*
*the answer still grows.*

*Winter in the books.*
*Every row has kept its place.*
*The sum: still zero.*

The first is about spending, the second about a hold that waits for its answer, and the third about the audit that finds nothing to complain about. Haiku are a good fit for accounts: both have a fixed number of places, both are better with nothing left over, and in both the smallest error can be counted on one's fingers.`,
  },
  {
    about: /\b(double[- ]entry|ledger|book-?keeping|accounting|books)\b/i,
    reasoning: `
Double entry is best shown, not defined. First the idea: every movement has a source and a destination. Then a small example in credits rather than in money, since that is what the reader has in front of them. Finally what it buys: an error cannot hide, because both sides have to add up. I should resist explaining debits and credits in the accountant's sense; the words would only confuse here.`,
    text: `
**Double-entry bookkeeping** has one rule: nothing appears, and nothing disappears. Whatever arrives in one account has left another.

Take a handful of credits and follow them:

1. You sign up, and 20 credits move from *registration bonus* to *your wallet*.
2. You ask a question, and 3 of them move from *your wallet* to *chat*.
3. Two are never used, and move from *your wallet* to *expired*.

Add up all accounts after each step and you always get zero. If a bug ever credited you twice, or forgot to charge, the sum would be off and an audit would point to the very row.

The idea is more than five hundred years old. Merchants in Venice wrote it down because a ship could be away for a year, and they wanted to know at any moment what they owned and what they owed. Luca Pacioli printed the rules in 1494, and they have hardly changed since.

A ledger in a database keeps one more promise: its rows are never edited. A mistake is corrected by a second row that says so, and both stay. So the history answers not only *how much*, but also *why*.`,
  },
  {
    about: /\b(trip|travel|weekend|kyoto|itinerary|holiday|visit)\b/i,
    reasoning: `
Two days in Kyoto, with realistic distances. The famous places are crowded from ten o'clock on, so the mornings belong to them and the afternoons to what is on the way. Group by district: the south-east on Saturday, the north-west on Sunday. Leave the evenings open, with one suggestion each. A closing line on getting around.`,
    text: `
Two unhurried days in **Kyoto**, sorted so that you never cross the city twice:

### Saturday: the east

- **7:00** Fushimi Inari, before the crowds. Walk up to the first viewpoint; the upper loop takes two hours more.
- **10:30** Tofuku-ji and its moss gardens, one station up the line.
- **13:00** Noodles near Kiyomizu, then down the Sannenzaka steps.
- **Evening** The lanes of Gion, and a riverside table in Pontocho.

### Sunday: the west

- **8:00** The bamboo grove of Arashiyama, and Tenryu-ji behind it.
- **11:00** The Hozugawa by boat, or by the small train if it rains.
- **15:00** Ryoan-ji. Count the stones: there are fifteen, and you never see them all at once.
- **Evening** A neighbourhood bath house, and early to bed.

Take a transit card rather than a day pass, and walk wherever a stretch is shorter than two stops: the small streets are the better half of the city.`,
  },
];

/** Whatever is asked in Chinese: one answer, so that a Chinese page is not answered in English. */
const chineseTopic: Topic = {
  about: /\p{Script=Han}/u,
  reasoning: `
我是演示模型，说的话都是预先写好的。应当先说明这一点，再给出几件可以在本页试一试的事：停止按钮、换一个模型，以及把积分用完。`,
  text: `
感谢提问。先说明一点：我是**演示模型**，输出的是预先写好的文字，这样无需任何模型服务商的账号，页面也能正常使用。服务器配置 Gemini 密钥后，同一页面就会连接真正的模型。

除了我的话，其余都是真实的。开始回答之前，系统已为这次回答预留了积分；回答过程中会统计 token；结束后只按实际的 token 扣费，多余的立即退回。

可以试试这些：

1. 在句子中间**点停止**，只需为已经写出的部分付费。
2. 在上方**换一个模型**，每个 token 的价格会变，回答下方的费用也随之变化。
3. **一直提问**直到积分用完。付不起的消息会在调用模型之前被拒绝，不收任何费用。
4. 在另一个标签页打开 \`/app/credits\`，对照明细与本页显示的费用。`,
};

const otherTopic: Topic = {
  about: /(?:)/,
  reasoning: `
I am the demo model: nothing I say depends on more than a few words of the question. The honest thing is to say so first, then to be useful anyway, with what can be tried on this page. Three things are worth trying: the stop button, another model, and running out of credits.`,
  text: `
Thank you for asking. I should say at once that I am the **demo model**: I stream prepared text, so that this page works without an account at a model provider. With a key for Gemini in the server's environment, the same page talks to the real thing.

Everything around my words is real, though. Before I began, credits were set aside for this answer. While I speak, its tokens are counted. When I am done, you pay for exactly those tokens, and the rest is free again.

A few things that are worth a try:

1. **Stop me** in the middle of a sentence. You pay for the part that you have read.
2. **Choose another model** above. The price per token changes, and with it the cost below each answer.
3. **Keep asking** until your credits run out. The next message is refused before any model is called, and costs nothing.
4. Open \`/app/credits\` in a second tab, and compare the history with what this page told you.

If you like, ask me how a hold works, what double-entry bookkeeping is, for a haiku about ledgers, or for a weekend in Kyoto. Those are the topics I have been taught.`,
};
