import { createCreditsApi } from "creditkit/api";
import { getCredits } from "@/credits/server";

const api = createCreditsApi(getCredits);

export { api as DELETE, api as GET, api as PATCH, api as POST, api as PUT };
