"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TASK = "regression"
TARGET = "SalePrice"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = (0, 5_000_000)
SLICES: dict[str, tuple[float, ...] | None] = {"CentralAir": None, "OverallQual": (6,), "LotFrontage": (60,), "YearRemod/Add": (1980,)}
CONTRACT_VERSION = 1

Grade = Annotated[int, Field(ge=1, le=10)]
Year = Annotated[int, Field(ge=1700, le=2300)]
Month = Annotated[int, Field(ge=1, le=12)]
Count = Annotated[int, Field(ge=0, le=50)]
Feet = Annotated[int, Field(ge=0, le=1000)]
Amount = Annotated[int, Field(ge=0, le=50_000)]
# "NA" is a word of the assessor's office: there is no such thing. A cell that is empty was not filled in.
Quality = Literal["Ex", "Gd", "TA", "Fa", "Po"]
Word = Annotated[str, Field(max_length=20)]


class Row(BaseModel):
    """A house, as the assessor's office of Ames describes it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    MSSubClass: Word
    MSZoning: Word
    LotFrontage: Feet | None
    LotArea: Annotated[int, Field(ge=0, le=1_000_000)]
    Street: Literal["Grvl", "Pave"] | str
    Alley: Literal["Grvl", "NA", "Pave"] | str
    LotShape: Literal["IR1", "IR2", "IR3", "Reg"] | str
    LandContour: Literal["Bnk", "HLS", "Low", "Lvl"] | str
    Utilities: Word
    LotConfig: Word
    LandSlope: Literal["Gtl", "Mod", "Sev"] | str
    Neighborhood: Word
    Condition1: Word
    Condition2: Word
    BldgType: Word
    HouseStyle: Word
    OverallQual: Grade
    OverallCond: Grade
    YearBuilt: Year
    YearRemodAdd: Year = Field(alias="YearRemod/Add")
    RoofStyle: Word
    RoofMatl: Word
    Exterior1st: Word
    Exterior2nd: Word
    MasVnrType: Word | None
    MasVnrArea: Amount | None
    ExterQual: Quality
    ExterCond: Quality
    Foundation: Word
    BsmtQual: Quality | Literal["NA"] | None
    BsmtCond: Quality | Literal["NA"] | None
    BsmtExposure: Word | None
    BsmtFinType1: Word | None
    BsmtFinSF1: Amount | None
    BsmtFinType2: Word | None
    BsmtFinSF2: Amount | None
    BsmtUnfSF: Amount | None
    TotalBsmtSF: Amount | None
    Heating: Word
    HeatingQC: Quality
    CentralAir: Literal["N", "Y"] | str
    Electrical: Word | None
    FirststFlrSF: Amount = Field(alias="1stFlrSF")
    SecondndFlrSF: Amount = Field(alias="2ndFlrSF")
    LowQualFinSF: Amount
    GrLivArea: Amount
    BsmtFullBath: Count | None
    BsmtHalfBath: Count | None
    FullBath: Count
    HalfBath: Count
    BedroomAbvGr: Count
    KitchenAbvGr: Count
    KitchenQual: Quality
    TotRmsAbvGrd: Count
    Functional: Word
    Fireplaces: Count
    FireplaceQu: Quality | Literal["NA"]
    GarageType: Word
    GarageYrBlt: Year | None
    GarageFinish: Literal["Fin", "NA", "RFn", "Unf"] | str | None
    GarageCars: Count | None
    GarageArea: Amount | None
    GarageQual: Quality | Literal["NA"] | None
    GarageCond: Quality | Literal["NA"] | None
    PavedDrive: Literal["N", "P", "Y"] | str
    WoodDeckSF: Amount
    OpenPorchSF: Amount
    EnclosedPorch: Amount
    ThreeSsnPorch: Amount = Field(alias="3SsnPorch")
    ScreenPorch: Amount
    PoolArea: Amount
    PoolQC: Quality | Literal["NA"]
    Fence: Word
    MiscFeature: Word
    MiscVal: Amount
    MoSold: Month
    YrSold: Year
    SaleType: Word
    SaleCondition: Word
