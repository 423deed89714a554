import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { getUserCreditsInfo } from "@/credits/queries";
import { ClientMessages } from "@/i18n/client-messages";
import { Chat } from "./chat";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("chat"))("title") };
}

export default async function ChatPage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const info = await getUserCreditsInfo({ userId: signedIn.userId });
  return (
    <ClientMessages namespaces={["chat", "common"]}>
      <Chat isDemo={getModels().isDemo} initialBalance={info.data?.availableCredits ?? 0} />
    </ClientMessages>
  );
}
