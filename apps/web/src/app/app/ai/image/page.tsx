import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";
import { getUserCreditsInfo } from "@/credits/queries";
import { ClientMessages } from "@/i18n/client-messages";
import { Studio } from "./studio";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("image"))("title") };
}

export default async function ImagePage() {
  const signedIn = await getSignedIn();
  if (!signedIn) redirect("/sign-in");
  const info = await getUserCreditsInfo({ userId: signedIn.userId });
  return (
    <ClientMessages namespaces={["image", "common"]}>
      <Studio
        isDemo={getModels().isDemo}
        price={getCreditConsumption(imageService)}
        initialBalance={info.data?.availableCredits ?? 0}
      />
    </ClientMessages>
  );
}
