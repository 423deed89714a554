import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { getModels } from "@/ai/models";
import { getSignedIn } from "@/auth/session";
import { getCreditConsumption } from "@/config/credits";
import { imageService } from "@/config/models";
import { ClientMessages } from "@/i18n/client-messages";
import { Studio } from "./studio";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("image"))("title") };
}

export default async function ImagePage() {
  if (!(await getSignedIn())) redirect("/sign-in");
  return (
    <ClientMessages namespaces={["image", "common"]}>
      <Studio isDemo={getModels().isDemo} price={getCreditConsumption(imageService)} />
    </ClientMessages>
  );
}
