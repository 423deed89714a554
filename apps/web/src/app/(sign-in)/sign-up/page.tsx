import type { Metadata } from "next";
import Link from "next/link";
import { creditsConfig, isRegistrationCreditsEnabled } from "@/config/credits";
import { CredentialsForm } from "../credentials-form";

export const metadata: Metadata = { title: "Create an account" };

export default function SignUpPage() {
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Create an account</h1>
      {isRegistrationCreditsEnabled() && (
        <p className="mt-2 text-sm text-ink-soft">
          You start with {creditsConfig.registration.amount} free credits.
        </p>
      )}
      <p className="mt-2 text-sm text-ink-soft">
        Have an account already?{" "}
        <Link
          href="/sign-in"
          className="rounded font-medium whitespace-nowrap text-accent underline underline-offset-4"
        >
          Sign in
        </Link>
      </p>
      <CredentialsForm purpose="sign-up" />
    </>
  );
}
