import admin from "../../messages/en/admin.json";
import auth from "../../messages/en/auth.json";
import billing from "../../messages/en/billing.json";
import chat from "../../messages/en/chat.json";
import common from "../../messages/en/common.json";
import credits from "../../messages/en/credits.json";
import demoPay from "../../messages/en/demoPay.json";
import image from "../../messages/en/image.json";
import landing from "../../messages/en/landing.json";
import pricing from "../../messages/en/pricing.json";
import settings from "../../messages/en/settings.json";
import adminChinese from "../../messages/zh-CN/admin.json";
import authChinese from "../../messages/zh-CN/auth.json";
import billingChinese from "../../messages/zh-CN/billing.json";
import chatChinese from "../../messages/zh-CN/chat.json";
import commonChinese from "../../messages/zh-CN/common.json";
import creditsChinese from "../../messages/zh-CN/credits.json";
import demoPayChinese from "../../messages/zh-CN/demoPay.json";
import imageChinese from "../../messages/zh-CN/image.json";
import landingChinese from "../../messages/zh-CN/landing.json";
import pricingChinese from "../../messages/zh-CN/pricing.json";
import settingsChinese from "../../messages/zh-CN/settings.json";
import type { Locale } from "./locale";

/*
 * Every text of the pages: one file per language and part of the app, so that a client component can be sent its part alone.
 * English says which texts there are; the compiler refuses a language that lacks one.
 */

const english = { admin, auth, billing, chat, common, credits, demoPay, image, landing, pricing, settings };

export type Messages = typeof english;
export type Namespace = keyof Messages;

const chinese: Messages = {
  admin: adminChinese,
  auth: authChinese,
  billing: billingChinese,
  chat: chatChinese,
  common: commonChinese,
  credits: creditsChinese,
  demoPay: demoPayChinese,
  image: imageChinese,
  landing: landingChinese,
  pricing: pricingChinese,
  settings: settingsChinese,
};

export const messages: Readonly<Record<Locale, Messages>> = { en: english, "zh-CN": chinese };
