import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DefaultTheme, defineConfig } from "vitepress";
import { docsFolder, sidebar, translatedPages } from "./pages.ts";

export interface Theme extends DefaultTheme.Config {
  /** Pages that exist in both languages: from any other, the language menu leads to the start page. */
  translated: string[];
}

/** MiniSearch splits at spaces, and Chinese has none. Sent to the browser as text: it can refer to nothing outside itself. */
function words(text: string): string[] {
  const segmenter = new Intl.Segmenter("zh", { granularity: "word" });
  return [...segmenter.segment(text)].flatMap(({ segment, isWordLike }) => (isWordLike ? [segment] : []));
}

// Scripts that a guide links to are files, and not pages whose ending was left out.
process.env.VITE_EXTRA_EXTENSIONS = "sh";

/** Between two Chinese characters, or beside Chinese punctuation, a space would be wrong; beside Latin words it is right. */
const withoutSpace =
  /[\p{Script=Han}，。、：；！？（）“”]\n[\p{Script=Han}，。、：；！？（）“”]|[，。、：；！？（“]\n|\n[，。、：；！？）”]/u;

export default defineConfig({
  title: "Creditkit",
  description: "Prepaid credits for AI and SaaS apps in TypeScript, in your app's own PostgreSQL",
  lastUpdated: false,
  srcExclude: ["**/*.part.md"],
  // GitHub shows a folder's README.md, a site its index.
  rewrites: { "decisions/README.md": "decisions/index.md" },
  markdown: {
    // The default themes' comments are too pale to read for many people.
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    config: ({ renderer }) => {
      // Chinese has no spaces: a line that ends in the source must not leave one.
      renderer.rules.softbreak = (tokens, index) => {
        const before = tokens[index - 1]?.content ?? "";
        const after = tokens[index + 1]?.content ?? "";
        return withoutSpace.test(`${before}\n${after}`) ? "" : "\n";
      };
    },
  },
  buildEnd: ({ outDir }) => {
    for (const name of readdirSync(join(docsFolder, "guides")))
      if (name.endsWith(".sh")) copyFileSync(join(docsFolder, "guides", name), join(outDir, "guides", name));
  },
  vite: {
    resolve: {
      alias: [
        {
          find: /^.*\/composables\/langs$/,
          replacement: fileURLToPath(new URL("./theme/languages.ts", import.meta.url)),
        },
      ],
    },
  },
  themeConfig: {
    translated: translatedPages(),
    search: {
      provider: "local",
      options: {
        miniSearch: { options: { tokenize: words } },
        locales: {
          zh: {
            translations: {
              button: { buttonText: "搜索", buttonAriaLabel: "搜索文档" },
              modal: {
                displayDetails: "显示详细列表",
                resetButtonTitle: "清除查询",
                backButtonTitle: "关闭搜索",
                noResultsText: "没有找到结果：",
                footer: {
                  selectText: "选择",
                  navigateText: "切换",
                  closeText: "关闭",
                  selectKeyAriaLabel: "回车键",
                  navigateUpKeyAriaLabel: "上箭头",
                  navigateDownKeyAriaLabel: "下箭头",
                  closeKeyAriaLabel: "Esc 键",
                },
              },
            },
          },
        },
      },
    },
  } as Theme,
  locales: {
    root: {
      label: "English",
      lang: "en-US",
      themeConfig: {
        nav: [
          { text: "Start", link: "/start", activeMatch: "^/start" },
          { text: "Concepts", link: "/concepts/batches", activeMatch: "^/concepts/" },
          { text: "Guides", link: "/guides/nextjs-from-scratch", activeMatch: "^/guides/" },
          { text: "Reference", link: "/reference/", activeMatch: "^/(reference/|errors)" },
        ],
        sidebar: sidebar("en"),
        outline: { level: [2, 3] },
      },
    },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      description: "面向 AI 与 SaaS 应用的 TypeScript 预付积分系统，账本就在你自己的 PostgreSQL 里",
      themeConfig: {
        nav: [
          { text: "快速开始", link: "/zh/start", activeMatch: "^/zh/start" },
          { text: "概念", link: "/zh/concepts/batches", activeMatch: "^/zh/concepts/" },
          { text: "指南（英文）", link: "/guides/nextjs-from-scratch", activeMatch: "^/guides/" },
          { text: "参考", link: "/zh/reference/", activeMatch: "^/zh/(reference/|errors)" },
        ],
        sidebar: sidebar("zh"),
        outline: { level: [2, 3], label: "本页内容" },
        docFooter: { prev: "上一页", next: "下一页" },
        darkModeSwitchLabel: "外观",
        lightModeSwitchTitle: "切换到浅色模式",
        darkModeSwitchTitle: "切换到深色模式",
        sidebarMenuLabel: "目录",
        returnToTopLabel: "回到顶部",
        langMenuLabel: "切换语言",
        skipToContentLabel: "跳到正文",
        notFound: {
          title: "没有这个页面",
          quote: "网址可能写错了，或者页面已经移走。",
          linkLabel: "回到首页",
          linkText: "回到首页",
        },
      },
    },
  },
});
