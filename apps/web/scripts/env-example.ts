import { writeFileSync } from "node:fs";
import { environmentExample } from "../src/env-example.ts";

writeFileSync(new URL("../.env.example", import.meta.url), environmentExample());
