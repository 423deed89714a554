import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { getUserCreditsInfo } from "@/credits/queries";
import { Chat } from "./chat";

export const metadata: Metadata = { title: "Chat" };

export default async function ChatPage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const info = await getUserCreditsInfo({ userId: signedIn.userId });
  return <Chat isDemo={getModels().isDemo} initialBalance={info.data?.availableCredits ?? 0} />;
}
