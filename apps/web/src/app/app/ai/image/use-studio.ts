"use client";

import { generateId } from "ai";
import { useCredits } from "creditkit/react";
import { useRef, useState } from "react";
import type { Drawing } from "@/ai/draw-image";
import type { Refusal } from "@/credits/refusal";
import { noAnswer, readRefusal } from "../refusal";

export interface Picture extends Drawing {
  id: string;
  prompt: string;
}

/** Pictures of this visit, newest first, and the one that is being drawn. */
export function useStudio() {
  const { setBalance } = useCredits();
  const [pictures, setPictures] = useState<Picture[]>([]);
  const [drawing, setDrawing] = useState<string>();
  const [refusal, setRefusal] = useState<Refusal>();
  const isDrawing = useRef(false);
  // Kept until the server has decided: the same prompt sent again after a lost connection is charged once.
  const unanswered = useRef<{ imageId: string; prompt: string } | null>(null);

  async function draw(text: string): Promise<void> {
    const prompt = text.trim();
    // A second click comes before the first one is rendered.
    if (isDrawing.current || prompt === "") return;
    isDrawing.current = true;
    if (unanswered.current?.prompt !== prompt) unanswered.current = { imageId: generateId(), prompt };
    const request = unanswered.current;
    setDrawing(prompt);
    setRefusal(undefined);
    const answer = await ask(request);
    if ("code" in answer) {
      setRefusal(answer);
      if (answer.available !== undefined) setBalance(answer.available);
    } else {
      setPictures((earlier) => [{ ...answer, id: request.imageId, prompt }, ...earlier]);
      if (answer.newBalance !== null) setBalance(answer.newBalance);
    }
    if (!("code" in answer) || answer.code !== noAnswer.code) unanswered.current = null;
    setDrawing(undefined);
    isDrawing.current = false;
  }

  return { pictures, drawing, refusal, draw };
}

async function ask(request: { imageId: string; prompt: string }): Promise<Drawing | Refusal> {
  try {
    const response = await fetch("/api/ai/image", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const body = await response.text();
    return response.ok ? (JSON.parse(body) as Drawing) : readRefusal(body);
  } catch {
    return noAnswer;
  }
}
