import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { ClientMessages } from "@/i18n/client-messages";
import { Chat } from "./chat";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("chat"))("title") };
}

export default async function ChatPage() {
  if (!(await getSignedIn())) redirect("/sign-in");
  return (
    <ClientMessages namespaces={["chat", "common"]}>
      <Chat isDemo={getModels().isDemo} />
    </ClientMessages>
  );
}
