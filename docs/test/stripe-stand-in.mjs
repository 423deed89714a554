// Loaded into the app's own process before anything else: Stripe's server is out of reach of a test.
import nock from "nock";

const stripe = nock("https://api.stripe.com").persist();
stripe.post("/v1/customers").reply(200, { id: "cus_1", object: "customer" });
stripe.post("/v1/checkout/sessions", /line_items.*price_small/).reply(200, {
  id: "cs_test_1",
  object: "checkout.session",
  url: "https://checkout.stripe.com/c/pay/cs_test_1",
});
