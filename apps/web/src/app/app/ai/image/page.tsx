import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";
import { getUserCreditsInfo } from "@/credits/queries";
import { Studio } from "./studio";

export const metadata: Metadata = { title: "Images" };

export default async function ImagePage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const info = await getUserCreditsInfo({ userId: signedIn.userId });
  return (
    <Studio
      isDemo={getModels().isDemo}
      price={getCreditConsumption(imageService)}
      initialBalance={info.data?.availableCredits ?? 0}
    />
  );
}
