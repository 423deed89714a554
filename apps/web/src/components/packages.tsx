import { useLocale, useMessages } from "next-intl";
import type { ReactNode } from "react";
import { PackageList } from "@/components/credits/package-list";
import { getCreditPackages } from "@/config/credits";

/** What this app sells, in the reader's language. */
export function PackageOffers({ action }: { action?: (priceId: string, name: string) => ReactNode }) {
  return (
    <div className="mt-6">
      <PackageList
        packages={getCreditPackages()}
        locale={useLocale()}
        labels={useMessages().pricing.package}
        {...(action && { action: ({ priceId, name, id }) => action(priceId, name ?? id) })}
      />
    </div>
  );
}
