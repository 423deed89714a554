import { createHmac } from "node:crypto";
import Stripe from "stripe";
import { creemProvider } from "../src/adapters/creem.ts";
import { stripeProvider } from "../src/adapters/stripe.ts";
import { CreemStory } from "./creem-story.ts";
import { describeProvider } from "./provider-conformance.ts";
import { StripeStory } from "./stripe-story.ts";

const secret = "whsec_b2YgdGhlIHRlc3Rz";
const seconds = () => Math.floor(Date.now() / 1000);

const stripeMessage = (userId: string, livemode: boolean) => {
  const story = new StripeStory(userId, "basil", seconds());
  const event = story.event("checkout.session.completed", story.session("one", "price_credits_lite", 999), 0);
  const body = JSON.stringify({ ...event, livemode });
  const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: seconds() });
  return { body, headers: new Headers({ "stripe-signature": header }) };
};

describeProvider({
  name: "Stripe",
  make: (credits, url) => {
    const { hostname: host, port } = new URL(url);
    const stripe = new Stripe("sk_test_x", { host, port, protocol: "http", maxNetworkRetries: 0 });
    return stripeProvider({
      books: credits,
      config: credits.config,
      stripe,
      livemode: false,
      webhookSecrets: secret,
    });
  },
  answer: (path) => ({ id: `cus_${crypto.randomUUID()}`, url: `https://stripe.example${path}` }),
  paid: (userId) => stripeMessage(userId, false),
  live: (userId) => stripeMessage(userId, true),
});

const creemMessage = (userId: string, mode: string) => {
  const story = new CreemStory(userId, Date.now(), mode);
  const object = story.checkout("one", "price_credits_lite", 999);
  const body = JSON.stringify(story.event("checkout.completed", object, 0));
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return { body, headers: new Headers({ "creem-signature": signature }) };
};

describeProvider({
  name: "Creem",
  make: (credits, serverUrl) =>
    creemProvider({
      books: credits,
      config: credits.config,
      apiKey: "creem_test_x",
      webhookSecrets: secret,
      serverUrl,
    }),
  answer: (path) => ({
    checkout_url: `https://creem.example${path}`,
    customer_portal_link: `https://creem.example${path}`,
  }),
  paid: (userId) => creemMessage(userId, "test"),
  live: (userId) => creemMessage(userId, "prod"),
});
