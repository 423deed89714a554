/** The configured service that the demo chat charges for. */
export const demoService = "google:chat";
