"""Columns whose names say that they identify a patient: the words of six languages, as data."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# one of these is enough, whatever stands beside it: parts of a name, numbers given to one person, the day of birth
_PERSONAL = _set("""
    surname surnames forename forenames firstname lastname fullname middlename maidenname familyname givenname patientname nickname initials
    voornaam achternaam familienaam meisjesnaam roepnaam geslachtsnaam patientnaam patientennaam voorletters initialen
    vorname vornamen nachname nachnamen familienname geburtsname patientenname rufname
    prenom prenoms apellido apellidos nombres iniciales initiales iniziali cognome cognomi nominativo sobrenome apelido apelidos
    mrn ssn bsn dni nif insee nhc pesel personnummer fodselsnummer kvnr svnr ahv burgerservicenummer sofinummer rijksregisternummer
    sozialversicherungsnummer versichertennummer krankenversicherungsnummer nhsnumber nhsno passport paspoort reisepass passeport pasaporte
    passaporto iban accession hospitalnumber hospitalno recordnumber medicalrecordnumber chartnumber patientid patientidentifier patientnumber
    patientno patientnr patnr patid patientnummer patientennummer patientenid patientennr fallnummer fallnr aufnahmenummer dossiernummer
    dossiernr ziekenhuisnummer zisnummer dob birthday birthdate dateofbirth birthdt geboortedatum geboortedag geboortedat geburtsdatum
    geburtstag gebdatum gebdat ddn
""")
# enough unless another word says that it is an organisation's: where a person can be reached
_CONTACT = _set("""
    phone phones phonenumber telephone tel telefoon telefoonnummer telefon telefonnummer telefono telefone mobiel mobielnummer gsm mobilephone
    cellphone homephone handynummer mobilnummer rufnummer fax faxnumber whatsapp movil celular cellulare email emails emailaddress mail mailadres
    mailadresse emailadres courriel correo address addresses homeaddress streetaddress adres adressen adresse anschrift wohnanschrift direccion
    indirizzo endereco domicilio street straat straatnaam strasse huisnummer hausnummer rue calle postcode postcodes postalcode zip zipcode
    postleitzahl plz postal
""")
# enough unless another word says whose name it is: a hospital's, a drug's, a form's
_NAME = _set("name names naam namen nom noms nome nhs")
# enough when nothing stands beside them: the French count ("nombre de métastases"), and lesions can be mobile
_ALONE = _set("nombre mobile handy portable")
# enough beside each other, in this order
_BESIDE = {
    _set("patient pat patienten hospital medical record chart case dossier ziekenhuis personal nhs insurance tel telephone telefono mobile handy portable"):
        _set("number nummer nr no num numero"),
    _set("mobile cell handy portable"): _set("phone tel telephone telefono telefon"),
    _set("patient pat"): _set("id identifier identification"),
    _set("numero n no num nr"): _set("dossier patient paciente paziente historia secu securite telephone telefono"),
    _set("e"): _set("mail"), _set("social"): _set("security"), _set("securite"): _set("sociale"), _set("codice"): _set("fiscale"),
    _set("historia"): _set("clinica"), _set("cartella"): _set("clinica"), _set("code codigo"): _set("postal postale"), _set("post"): _set("code"),
    _set("next"): _set("kin"), _set("contact contacto"): _set("person persoon persona"), _set("survey"): _set("identifier"),
    _set("nombre"): _set("paciente completo apellido apellidos pila"),
}  # fmt: skip

_ORGANISATION = _set("""
    hospital hospitals site sites centre centres center centers clinic institution institute trust organisation organization company manufacturer
    department ward ziekenhuis centrum afdeling krankenhaus klinik zentrum abteilung hopital etablissement service ospedale centro reparto servicio
""")
_THING = _set("""
    drug medication medicine agent regimen protocol scheme chemo chemotherapy product brand generic trade substance compound treatment therapy
    geneesmiddel medicatie middel medikament wirkstoff medicament medicamento farmaco schema study trial project registry cohort group arm dataset
    data file form event instrument field variable column sheet table page visit country city region state province land pays pais paese gene
    mutation variant test lab assay marker procedure operation surgery device pump catheter disease diagnosis organ lesion tumour tumor level
    category code item question label unit
""")

_HIDDEN = _set("identify identified deidentify deidentified")
_BIRTH = _set("birth born geboorte geboren geb geburt geburts naissance nacimiento nascita nascimento fodsel dob")
_DAY = _set("date dat datum dato fecha data day dag tag jour dia giorno dt")
_YEAR = _set("year yr yyyy jaar jahr annee ano anno aar")
# words of hospitals, places, drugs and complications: "Boston, Massachusetts" is no person
NO_PERSON = _set("""
    hospital university clinic medical centre center institute cancer memorial saint general county city north south east west new upper lower left right
    umc mc ziekenhuis universitair kliniek klinikum krankenhaus universitat hopital chu ospedale policlinico istituto fondazione
    netherlands nederland germany deutschland belgium belgie france italy italia spain espana portugal england scotland wales ireland kingdom states
    usa uk america canada australia china japan india brazil mexico sweden norway denmark finland poland austria switzerland greece turkey israel
    singapore korea taiwan york jersey carolina dakota virginia california texas florida massachusetts pennsylvania ohio illinois georgia missouri
    minnesota michigan washington oregon maryland connecticut tennessee kentucky alabama louisiana colorado arizona wisconsin ontario quebec
    bevacizumab cetuximab panitumumab aspirin warfarin dexamethasone leucovorin fluorouracil floxuridine oxaliplatin irinotecan regorafenib
    lung lungs bone bones brain ovary ovaries adrenal spleen kidney skin pelvis pelvic abdominal wall peritoneal retroperitoneal mesenteric portal hilar
    para aortic supraclavicular segment lobe margin wound infection leak abscess ileus pneumonia sepsis fever pain nausea bleeding ascites
    hypertension diabetes asthma copd none other unknown yes no not and with without after before since due possible probable suspected
""")
_SMALL = _set("of the de het du des der die von van del della di da do la le el en et y and")


def words_of(column: str) -> list[str]:
    """The words of a column's name, in small letters without accents, numbers and articles: "Date de naissance2" is date, naissance."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", column.replace("ß", "ss").replace("ø", "o")) if not unicodedata.combining(letter))
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", plain)]
    return [word for word in words if word not in _SMALL]


def about_birth(column: str) -> bool:
    """True for a column that is named after the birth, be it the day or the year."""
    words = set(words_of(column))
    return bool(words & _BIRTH) or any(word.startswith(("birth", "geboorte", "geburt", "gebdat", "dateofbirth")) for word in words)


def looks_identifying(column: str) -> bool:
    """True for a column whose name suggests that it identifies a patient.

    >>> [looks_identifying(name) for name in ("Last name", "drug_name", "geboortedatum", "birth_year", "De-identified name")]
    [True, False, True, False, False]
    """
    words = words_of(column)
    held = set(words)
    if held & _HIDDEN or any(word.startswith(("anonym", "anonim", "pseudonym")) for word in words):
        return False  # "De-identified name" is what stands in place of one
    if held & _PERSONAL or "".join(words) in _PERSONAL | _CONTACT:
        return True
    if any(first in before and second in after for first, second in pairwise(words) for before, after in _BESIDE.items()):
        return True
    if held & _BIRTH and held & _DAY and not held & _YEAR:
        return True
    if len(words) == 1 and held & _ALONE:
        return True
    return bool(held & _CONTACT and not held & _ORGANISATION) or bool(held & _NAME and not held & (_ORGANISATION | _THING))
