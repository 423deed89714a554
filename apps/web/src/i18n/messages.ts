import admin from "../../messages/en/admin.json";
import common from "../../messages/en/common.json";
import credits from "../../messages/en/credits.json";
import adminChinese from "../../messages/zh-CN/admin.json";
import commonChinese from "../../messages/zh-CN/common.json";
import creditsChinese from "../../messages/zh-CN/credits.json";
import type { Locale } from "./locale";

/*
 * Every text of the pages: one file per language and part of the app, so that a client component can be sent its part alone.
 * English says which texts there are; the compiler refuses a language that lacks one.
 */

const english = { admin, common, credits };

export type Messages = typeof english;
export type Namespace = keyof Messages;

const chinese: Messages = { admin: adminChinese, common: commonChinese, credits: creditsChinese };

export const messages: Readonly<Record<Locale, Messages>> = { en: english, "zh-CN": chinese };
