"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState } from "react";
import { authClient } from "@/auth/client";
import { buttonStyle } from "@/components/button-style";

export function SignOutButton() {
  const router = useRouter();
  const t = useTranslations("common");
  const [leaving, setLeaving] = useState(false);

  async function signOut() {
    setLeaving(true);
    try {
      const { error } = await authClient.signOut();
      if (error) return;
      router.push("/sign-in");
      router.refresh();
    } finally {
      setLeaving(false);
    }
  }

  return (
    <button type="button" onClick={signOut} disabled={leaving} className={buttonStyle("quiet")}>
      {t("signOut")}
    </button>
  );
}
