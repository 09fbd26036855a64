// Every word of the page, in both languages.

const WORDS = {
  en: {
    skip: "Skip to the messages", search: "Search: to: from: text: status: via: is: before: -word", tools: "Tools",
    live: "live", offline: "reconnecting…", sandboxTime: "The sandbox's time", clock: "Clock", faults: "Faults",
    pushes: "Pushes", numbers: "Numbers", account: "Account", connect: "Connect", theme: "Light or dark", messages: "Messages",
    message: "Message", all: "All", threads: "Threads", reset: "Clear", resetSure: "Forget every message, log and fault?",
    empty: "Nothing was sent yet.", emptyHint: "Point your code here, or try it from a shell:", nothing: "No message matches.",
    pick: "Choose a message.", keys: "j k  next, previous · Enter  open · /  search · r  reply · Esc  back · ?  help",
    reply: "Reply as the subscriber", replyText: "Text of the answer", send: "Send", sent: "sent", parts: "part|parts",
    part: "part", units: "unit|units", left: "left", forcedBy: "UCS-2 because of", costs: "parts more for it", plain: "fits the 7-bit alphabet",
    codes: "Codes", links: "Links", copy: "copy", copied: "Copied", copyAs: "Copy as", details: "Details", wire: "Wire",
    timeline: "Timeline", air: "On the air", request: "Request", answer: "Answer", noWire: "The request is no longer kept.",
    accepted: "accepted", to: "To", from: "From", via: "Via", node: "Node", id: "Id", ids: "Ids", tracking: "Tracking data",
    restrictive: "Restrictive id", batch: "Batch", login: "Login", cost: "Cost", operator: "Operator", country: "Country",
    error: "Error code", scheduled: "Scheduled for", back: "Back", close: "Close", advance: "Move on", pace: "Pace, seconds",
    advanceHint: "What is due happens at once: scheduled messages, receipts, expiries, retries.", profile: "Profile", add: "Add",
    effect: "Effect", protocol: "Protocol", operation: "Operation", any: "any", nth: "Only the n-th", every: "Every n-th",
    probability: "Probability", times: "At most", rules: "Rules", noRules: "No faults: everything works.", removeAll: "Remove all",
    remove: "Remove", injected: "Injected", none: "none", waiting: "waiting", balance: "Balance", price: "Price of a part",
    credit: "Credit", originators: "Senders", defaultOriginator: "Default sender", anyOriginator: "Any sender is allowed",
    save: "Save", saved: "Saved", suffix: "Number ends in", course: "What happens", code: "Code", note: "Note",
    findings: "Findings", noFindings: "Requests were by the document.", attempts: "Attempts", resend: "Send again",
    noPushes: "No push was sent: the account has no address for them.", nextAt: "next", inbound: "from the subscriber",
    environment: "Environment", url: "Address", options: "More", help: "Keyboard", fault: "fault", seed: "Seed", when: "When",
    departments: "Departments", tokens: "Tokens of HTTP v2", permissions: "May", rate: "Limit", roles: "Roles", blocked: "Blocked numbers",
    smppRate: "SMPP, messages/s", allowedIps: "Allowed addresses", noDepartments: "No departments.", usual: "as the platform",
    download: "Save as JSONL", statusUrl: "Status pushes go to", inboundUrl: "Inbound messages go to", form: "Form", method: "Method", charset: "Charset", of: "of", forgotten: "Forgotten",
  },
  ru: {
    skip: "К сообщениям", search: "Поиск: to: from: text: status: via: is: before: -слово", tools: "Инструменты",
    live: "на связи", offline: "переподключение…", sandboxTime: "Время песочницы", clock: "Часы", faults: "Сбои",
    pushes: "Пуши", numbers: "Номера", account: "Счёт", connect: "Подключение", theme: "Светлая или тёмная", messages: "Сообщения",
    message: "Сообщение", all: "Все", threads: "Переписки", reset: "Очистить", resetSure: "Забыть все сообщения, журналы и сбои?",
    empty: "Ещё ничего не отправлено.", emptyHint: "Направьте сюда свой код или попробуйте из консоли:", nothing: "Ничего не найдено.",
    pick: "Выберите сообщение.", keys: "j k  дальше, назад · Enter  открыть · /  поиск · r  ответить · Esc  назад · ?  справка",
    reply: "Ответить за абонента", replyText: "Текст ответа", send: "Отправить", sent: "отправлено", parts: "часть|части|частей",
    part: "часть", units: "единица|единицы|единиц", left: "осталось", forcedBy: "UCS-2 из-за", costs: "лишних частей", plain: "влезает в 7-битный алфавит",
    codes: "Коды", links: "Ссылки", copy: "копировать", copied: "Скопировано", copyAs: "Копировать как", details: "Подробности",
    wire: "На проводе", timeline: "Путь", air: "В эфире", request: "Запрос", answer: "Ответ", noWire: "Запрос уже не хранится.",
    accepted: "принято", to: "Кому", from: "От кого", via: "Протокол", node: "Узел", id: "Id", ids: "Id частей", tracking: "trackingData",
    restrictive: "restrictiveId", batch: "Рассылка", login: "Логин", cost: "Стоимость", operator: "Оператор", country: "Страна",
    error: "Код ошибки", scheduled: "Отложено до", back: "Назад", close: "Закрыть", advance: "Вперёд", pace: "Темп, секунды",
    advanceHint: "Всё, чему пора, случится сразу: отложенные сообщения, отчёты, истечения, повторы.", profile: "Профиль", add: "Добавить",
    effect: "Сбой", protocol: "Протокол", operation: "Операция", any: "любой", nth: "Только n-й", every: "Каждый n-й",
    probability: "Вероятность", times: "Не больше", rules: "Правила", noRules: "Сбоев нет: всё работает.", removeAll: "Убрать все",
    remove: "Убрать", injected: "Сработало", none: "нет", waiting: "ждёт", balance: "Баланс", price: "Цена части",
    credit: "Кредит", originators: "Отправители", defaultOriginator: "Отправитель по умолчанию", anyOriginator: "Разрешён любой отправитель",
    save: "Сохранить", saved: "Сохранено", suffix: "Номер кончается на", course: "Что будет", code: "Код", note: "Заметка",
    findings: "Замечания", noFindings: "Запросы соответствуют документу.", attempts: "Попытки", resend: "Послать ещё раз",
    noPushes: "Пушей не было: у счёта нет адреса для них.", nextAt: "следующая", inbound: "от абонента",
    environment: "Окружение", url: "Адрес", options: "Ещё", help: "Клавиатура", fault: "сбой", seed: "Зерно", when: "Когда",
    departments: "Подразделения", tokens: "Токены HTTP v2", permissions: "Можно", rate: "Лимит", roles: "Роли", blocked: "Закрытые номера",
    smppRate: "SMPP, сообщений/с", allowedIps: "Разрешённые адреса", noDepartments: "Подразделений нет.", usual: "как у платформы",
    download: "Сохранить как JSONL", statusUrl: "Пуши статусов идут на", inboundUrl: "Входящие идут на", form: "Форма", method: "Метод", charset: "Кодировка", of: "из", forgotten: "Забыто",
  },
};

const stored = () => { try { return localStorage.getItem("language"); } catch { return null; } };

let language = stored() || (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en");

export const w = (name) => WORDS[language][name] ?? name;
export const current = () => language;
export const locale = () => (language === "ru" ? "ru-RU" : "en-GB");

// "1 часть", "2 части", "5 частей": forms of a word stand as one|few|many, or one|other.
export function counted(number, name) {
  const forms = w(name).split("|");
  const rule = new Intl.PluralRules(locale()).select(number);
  const index = { one: 0, few: 1 }[rule] ?? forms.length - 1;
  return `${number} ${forms[Math.min(index, forms.length - 1)]}`;
}

export function toggleLanguage() {
  language = language === "ru" ? "en" : "ru";
  try { localStorage.setItem("language", language); } catch { /* a page without storage forgets it */ }
}

export function translate(root = document) {
  document.documentElement.lang = language;
  for (const element of root.querySelectorAll("[data-word]")) element.textContent = w(element.dataset.word);
  for (const [name, attribute] of [["wordPlaceholder", "placeholder"], ["wordLabel", "aria-label"], ["wordTitle", "title"]]) {
    const selector = "[data-" + name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase()) + "]";
    for (const element of root.querySelectorAll(selector)) element.setAttribute(attribute, w(element.dataset[name]));
  }
}
