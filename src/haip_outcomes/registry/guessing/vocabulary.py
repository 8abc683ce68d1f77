"""Words that centres write in cells and column names, in the main European languages; compared without case and accents,
and with ae, oe and ue as a, o and u (`plain` in names.py): "groep" stands here as "grop"."""

from __future__ import annotations

MISSING_WORDS = frozenset({
    "unk", "unknown", "na", "n/a", "n.a.", "nan", "null", "missing", "not known", "not available", "not done", "not applicable", "nd", "?", "-", ".",
    "onbekend", "niet bekend", "n.v.t.", "nvt", "unbekannt", "nicht bekannt", "k.a.", "keine angabe", "inconnu", "inconnue", "non connu", "desconocido",
    "no consta", "sconosciuto", "non noto", "desconhecido", "ukjent", "okand", "ukendt", "nask", "asku", "ni",
})  # fmt: skip
# numbers that are written for "not known"; the positive ones only where they lie far above all others
MISSING_BELOW_ZERO = frozenset({-9.0, -88.0, -98.0, -99.0, -888.0, -998.0, -999.0, -9999.0})
MISSING_ABOVE = frozenset({99.0, 999.0, 9999.0, 99999.0})

NO = frozenset({"no", "n", "nee", "nein", "non", "nei", "nej", "nao", "false", "absent", "negative", "neg", "negatief", "negativ"})
YES = frozenset({"yes", "y", "ja", "j", "oui", "si", "sim", "true", "tru", "present", "positive", "pos", "positief", "positiv"})
MALE = frozenset(
    {
        "male",
        "m",
        "man",
        "men",
        "mannelijk",
        "mann",
        "mannlich",
        "homme",
        "h",
        "masculin",
        "hombre",
        "masculino",
        "uomo",
        "maschio",
        "homem",
        "mand",
    }
)
FEMALE = frozenset({"female", "f", "woman", "women", "vrouw", "v", "vrouwelijk", "frau", "w", "weiblich", "femme", "feminin", "mujer", "femenino", "donna",
                    "femmina", "mulher", "feminino", "kvinne", "kvinna", "kvinde", "k"})  # fmt: skip
SETTING = {
    "adjuvant": ("adjuvant", "adjuvante", "adyuvante", "adiuvante", "resected", "geresecteerd", "reseziert"),
    "unresectable": ("unresectable", "non resectable", "nonresectable", "irresectable", "irresectabel", "niet resectabel", "nicht resektabel", "irresektabel",
                     "non resecable", "irresecable", "no resecable", "non resecabile", "irressecavel", "palliative", "palliatief", "palliativ"),
    "comparator": ("comparator", "control", "controle", "kontrolle", "controllo", "no pump", "geen pomp", "ohne pumpe", "sans pompe", "sin bomba", "resection alone",
                   "resection only"),
}  # fmt: skip

# first words of a level that is the reference: nothing there
NONE = NO | frozenset({"none", "geen", "kein", "keine", "aucun", "aucune", "ninguno", "ninguna", "nessuno", "nessuna", "nenhum", "nenhuma", "ingen", "niet", "nicht", "not",
                       "afwezig", "abwesend", "ausente", "assente", "wild", "wildtype", "wt", "wildtyp", "negatif", "negativo", "negativa", "without", "zonder", "ohne",
                       "sans", "sin", "senza", "alive", "levend", "leeft", "lebend", "lebt", "vivant", "vivo"})  # fmt: skip
# names of columns of groups, of which nothing says what they are
GROUP = frozenset({"group", "grop", "gruppe", "groupe", "grupo", "gruppo", "grupp", "arm", "armen", "cohort", "kohorte", "cohorte", "coorte", "behandelgrop",
                   "studiengruppe", "behandlungsgruppe", "studiegrop", "indication", "indicatie", "indikation"})  # fmt: skip
# response of RECIST in two letters, in the order of the standard item
RECIST = {"cr": "Complete response", "pr": "Partial response", "sd": "Stable disease", "pd": "Progressive disease", "ne": "Not evaluable"}

# words in a name that say that its column counts or measures, so that small whole numbers are no codes
MEASURES = frozenset({"n", "no", "number", "count", "score", "age", "size", "diameter", "cm", "mm", "months", "month", "days", "weeks", "years", "lines", "total", "index",
                      "aantal", "leeftijd", "grootte", "maanden", "dagen", "jaren", "lijnen", "anzahl", "alter", "grosse", "monate", "tage", "jahre", "linien",
                      "nombre", "taille", "mois", "jours", "ans", "numero", "edad", "meses", "dias", "eta", "mesi", "giorni", "idade", "antall", "antal", "alder"})  # fmt: skip
UNITS = {"months": ("months", "month", "mo", "mths", "maanden", "mnd", "monate", "mois", "meses", "mesi", "maneder", "manader"),
         "days": ("days", "day", "dagen", "tage", "jours", "dias", "giorni", "dager", "dagar"),
         "weeks": ("weeks", "week", "weken", "wochen", "semaines", "semanas", "settimane", "uker", "veckor"),
         "years": ("years", "year", "yrs", "jaren", "jaar", "jahre", "ans", "annees", "anos", "anni", "ar")}  # fmt: skip
# units of measurement in a name; the first is how a plan writes it
MEASURED_IN = {"cm": ("cm",), "mm": ("mm",), "m": ("m",), "kg": ("kg",), "g": ("g",), "lb": ("lb", "lbs"), "cm²": ("cm2",), "mm²": ("mm2",),
               "µg/L": ("ugl", "ug", "mcg"), "ng/mL": ("ngml", "ng"), "mg": ("mg",), "months": ("months", "month", "maanden", "mnd", "monate", "mois", "meses", "mesi"),
               "days": ("days", "dagen", "tage", "jours"), "years": ("years", "jaren", "jahre", "ans", "anos", "anni")}  # fmt: skip
